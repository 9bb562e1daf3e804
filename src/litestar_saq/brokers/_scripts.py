"""Lua scripts that Redis runs in one step. They name no key but those given, and the jobs in SAQ's own lists."""

from __future__ import annotations

LIST_ACTIVE = """
-- KEYS: sweep lock, active list, when each fetched job was first seen. ARGV: seconds of the lock.
-- Returns id, payload and for how many milliseconds the job has been here with this same payload.
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then return {} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seen, before = {}, redis.call('HGETALL', KEYS[3])
for i = 1, #before, 2 do seen[before[i]] = before[i + 1] end
redis.call('DEL', KEYS[3])
local rows = {}
for i, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  local payload = redis.call('GET', id)
  local mark = redis.sha1hex(payload or '')
  local first = now
  if seen[id] and string.sub(seen[id], 1, 40) == mark then first = tonumber(string.sub(seen[id], 41)) end
  redis.call('HSET', KEYS[3], id, mark .. string.format('%.0f', first))
  rows[i] = {id, payload, now - first}
end
redis.call('EXPIRE', KEYS[3], math.max(600, ARGV[1] * 3))
return rows
"""

REPLACE_SAME = """
-- KEYS: a job. ARGV: the payload that we read, the one to write.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""

PUT_BACK = """
-- KEYS: active list, queued list. ARGV: a job's id. What was aborted meanwhile is in no list and stays so.
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
"""

ENQUEUE = """
-- KEYS: incomplete set, job, queued list, the job's abort mark. ARGV: payload, when it is scheduled for (0: now).
if redis.call('ZSCORE', KEYS[1], KEYS[2]) or redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[2], KEYS[2])
if ARGV[2] == '0' then redis.call('RPUSH', KEYS[3], KEYS[2]) end
return 1
"""

ENQUEUE_MANY = """
-- KEYS: incomplete set, queued list, then a job and its abort mark for each. ARGV: for each its payload and when it is
-- scheduled for (0: now). Returns for each whether it was taken.
local taken, due = {}, {}
for i = 1, #ARGV / 2 do
  local id, payload, scheduled = KEYS[2 * i + 1], ARGV[2 * i - 1], ARGV[2 * i]
  if redis.call('ZSCORE', KEYS[1], id) or redis.call('EXISTS', KEYS[2 * i + 2]) == 1 then
    taken[i] = 0
  else
    redis.call('SET', id, payload)
    redis.call('ZADD', KEYS[1], scheduled, id)
    if scheduled == '0' then redis.call('RPUSH', KEYS[2], id) end
    taken[i] = 1
  end
end
return taken
"""

TURN = """
-- What a worker has to tell of its jobs, and the jobs that it gets.
-- KEYS: active list, queued list, incomplete set, then the job of each thing that is told.
-- ARGV: how many jobs are taken, now (ms), the worker's id in JSON, how many ids follow that were fetched before,
-- these; then of each thing that is told: kind, status, payload, number (of `finish`: seconds to live; of `retry`: when
-- it is due; of `note`: what is replaced, else nothing is).
-- Returns a list of id, payload and whether it is marked as active, one after the other.
local active, queued, incomplete = KEYS[1], KEYS[2], KEYS[3]
local at = 5 + ARGV[4]
for i = 4, #KEYS do
  local id, kind, status, payload, number = KEYS[i], ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  at = at + 4
  if kind == 'finish' then
    redis.call('LREM', active, 1, id)
    redis.call('ZREM', incomplete, id)
    if number == '0' then
      redis.call('SET', id, payload)
    elseif string.sub(number, 1, 1) == '-' then
      redis.call('DEL', id)
    else
      redis.call('SET', id, payload, 'EX', number)
    end
  elseif kind == 'retry' then
    redis.call('LREM', active, 1, id)
    redis.call('LREM', queued, 1, id)
    redis.call('ZADD', incomplete, number, id)
    if number == '0' then redis.call('RPUSH', queued, id) end
    redis.call('SET', id, payload)
  elseif kind == 'update' or redis.call('GET', id) == number then
    redis.call('SET', id, payload)
  end
  if kind ~= 'note' then redis.call('PUBLISH', id, status) end
end
local ids, rows = {}, {}
for i = 1, ARGV[4] do ids[i] = ARGV[4 + i] end
for _ = 1, ARGV[1] do
  local id = redis.call('LMOVE', queued, active, 'LEFT', 'RIGHT')
  if not id then break end
  ids[#ids + 1] = id
end
-- A job that was never begun, as it is written by SAQ and by us, ends with its status: in the same step it becomes
-- active, so that nobody finds it in the active list and takes it for lost.
local begun = ',"started":' .. ARGV[2] .. ',"touched":' .. ARGV[2]
begun = begun .. ',"attempts":1,"worker_id":' .. ARGV[3] .. ',"status":"active"}'
for i, id in ipairs(ids) do
  local payload, marked = redis.call('GET', id), 0
  if payload and #payload <= 8192 and not string.find(payload, '"attempts"', 1, true) then
    local rest = string.match(payload, '^(.*),%s?"status":%s?"queued"}$')
    if rest then
      payload, marked = rest .. begun, 1
      redis.call('SET', id, payload)
      redis.call('PUBLISH', id, 'active')
    end
  end
  rows[3 * i - 2], rows[3 * i - 1], rows[3 * i] = id, payload, marked
end
return rows
"""

SCHEDULE = """
-- KEYS: lock, incomplete set, queued list. ARGV: seconds of the lock (0: it is held), now (s), how many at most.
if ARGV[1] ~= '0' and not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then return {} end
local due = redis.call('ZRANGEBYSCORE', KEYS[2], 1, ARGV[2], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(due) do
  redis.call('ZADD', KEYS[2], 0, id)
  redis.call('RPUSH', KEYS[3], id)
end
return due
"""

HOLD_LEASE = """
-- KEYS: a lease. ARGV: who wants it, milliseconds.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
