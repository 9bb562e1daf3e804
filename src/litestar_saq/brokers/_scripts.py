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
  local payload = redis.call('MGET', id)[1] -- GET fails where there is something else than a job
  local mark = redis.sha1hex(payload or '')
  local first = now
  if seen[id] and string.sub(seen[id], 1, 40) == mark then first = tonumber(string.sub(seen[id], 41)) end
  redis.call('HSET', KEYS[3], id, mark .. string.format('%.0f', first))
  rows[i] = {id, payload, now - first}
end
redis.call('EXPIRE', KEYS[3], math.max(600, ARGV[1] * 3))
return rows
"""

NOTE_ABORT = """
-- KEYS: what is to be aborted, by when (s). ARGV: a job's id.
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
"""

LIST_ABORTS = """
-- KEYS: what is to be aborted, a lock. ARGV: for how many seconds at least, how many at most, seconds of the lock.
-- Returns id and seconds of each, one after the other.
local now = redis.call('TIME')[1]
local found = redis.call('ZRANGEBYSCORE', KEYS[1], 0, now - ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
if not found[1] or not redis.call('SET', KEYS[2], 1, 'NX', 'EX', ARGV[3]) then return {} end
for i = 2, #found, 2 do found[i] = now - found[i] end
return found
"""

REPLACE_SAME = """
-- KEYS: a job. ARGV: the payload that we read, the one to write.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""

PUT_BACK = """
-- KEYS: active list, queued list, who took what. ARGV: a job's id.
-- What was aborted meanwhile is in no list and stays so.
redis.call('HDEL', KEYS[3], ARGV[1])
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
"""

SET_ASIDE = """
-- KEYS: active list, incomplete set, who took what, those that can't be read. ARGV: a job's id, how many are kept.
-- What is stored under the job's own key stays.
redis.call('HDEL', KEYS[3], ARGV[1])
if redis.call('LREM', KEYS[1], 0, ARGV[1]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('RPUSH', KEYS[4], ARGV[1])
redis.call('LTRIM', KEYS[4], -ARGV[2], -1)
return 1
"""

ENQUEUE_MANY = """
-- KEYS: incomplete set, queued list, then a job and its abort mark for each. ARGV: for each its payload and when it is
-- scheduled for (0: now). Returns for each whether it was taken.
local ids, marks = {}, {}
for i = 1, #ARGV / 2 do ids[i], marks[i] = KEYS[2 * i + 1], KEYS[2 * i + 2] end
-- A command for all of them, not for each.
local incomplete = redis.call('ZMSCORE', KEYS[1], unpack(ids))
local aborted = redis.call('EXISTS', unpack(marks)) > 0
local taken, payloads, scores, due, given = {}, {}, {}, {}, {}
for i, id in ipairs(ids) do
  if incomplete[i] or given[id] or aborted and redis.call('EXISTS', marks[i]) == 1 then
    taken[i] = 0
  else
    local scheduled = ARGV[2 * i]
    given[id], taken[i] = true, 1
    payloads[#payloads + 1], payloads[#payloads + 2] = id, ARGV[2 * i - 1]
    scores[#scores + 1], scores[#scores + 2] = scheduled, id
    if scheduled == '0' then due[#due + 1] = id end
  end
end
if scores[1] then
  redis.call('MSET', unpack(payloads))
  redis.call('ZADD', KEYS[1], unpack(scores))
end
if due[1] then redis.call('RPUSH', KEYS[2], unpack(due)) end
return taken
"""

ENQUEUE_NEW = """
-- The same of jobs whose keys nobody has known before: nothing can wait or be aborted under them.
-- KEYS: incomplete set, queued list, then the jobs. ARGV: as above.
local payloads, scores, due = {}, {}, {}
for i = 3, #KEYS do
  local id, payload, scheduled = KEYS[i], ARGV[2 * i - 5], ARGV[2 * i - 4]
  payloads[#payloads + 1], payloads[#payloads + 2] = id, payload
  scores[#scores + 1], scores[#scores + 2] = scheduled, id
  if scheduled == '0' then due[#due + 1] = id end
end
redis.call('ZADD', KEYS[1], unpack(scores)) -- what may be refused goes first
if due[1] then redis.call('RPUSH', KEYS[2], unpack(due)) end
redis.call('MSET', unpack(payloads))
"""

TURN = """
-- What a worker has to tell of its jobs, and the jobs that it gets.
-- KEYS: active list, queued list, incomplete set, who took what, then the job of each thing that is told.
-- ARGV: how many jobs are taken, now (ms), the worker's id in JSON, how many ids follow that were fetched before,
-- these; then of each thing that is told: kind, status, payload, number (of `finish`: seconds to live; of `retry`: when
-- it is due; of `back` and `note`: what is replaced, else nothing is; of `late finish` and the like also its SHA-1).
-- Returns a list of id, payload and whether it is marked as active, one after the other.
local active, queued, incomplete = KEYS[1], KEYS[2], KEYS[3]
local at, ended, noted = 5 + ARGV[4], {}, #KEYS > 4 and redis.call('EXISTS', KEYS[4]) == 1
for i = 5, #KEYS do
  local id, kind, status, payload, number = KEYS[i], ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local told = kind ~= 'note'
  at = at + 4
  if string.sub(kind, 1, 5) == 'late ' then
    local held
    kind, number, held = string.sub(kind, 6), string.match(number, '^(%S*) (%x+)$')
    if redis.sha1hex(redis.call('GET', id) or '') ~= held then kind, told = 'none', false end
  end
  if kind == 'finish' then
    redis.call('LREM', active, 1, id)
    ended[#ended + 1] = id
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
  elseif kind == 'update' then
    redis.call('SET', id, payload)
  elseif kind == 'none' or redis.call('GET', id) ~= number then
    told = false
  elseif kind == 'note' then
    redis.call('SET', id, payload)
  elseif redis.call('LREM', active, 1, id) == 1 then
    redis.call('LPUSH', queued, id)
    redis.call('SET', id, payload)
  else
    told = false
  end
  if told then
    redis.call('PUBLISH', id, status)
    if noted then redis.call('HDEL', KEYS[4], id) end
  end
end
if ended[1] then redis.call('ZREM', incomplete, unpack(ended)) end
local ids, rows = {}, {}
for i = 1, ARGV[4] do ids[i] = ARGV[4 + i] end
local come = ARGV[1] ~= '0' and redis.call('LPOP', queued, ARGV[1])
if come then
  redis.call('RPUSH', active, unpack(come))
  for _, id in ipairs(come) do ids[#ids + 1] = id end
end
if not ids[1] then return rows end
-- A job that was never begun, as it is written by SAQ and by us, ends with its status: in the same step it becomes
-- active, so that nobody finds it in the active list and takes it for lost.
local begun = ',"started":' .. ARGV[2] .. ',"touched":' .. ARGV[2]
begun = begun .. ',"attempts":1,"worker_id":' .. ARGV[3] .. ',"status":"active"}'
local marks, payloads = {}, redis.call('MGET', unpack(ids))
for i, id in ipairs(ids) do
  local payload, marked = payloads[i], 0
  if payload and #payload <= 8192 and not string.find(payload, '"attempts"', 1, true) then
    local rest = string.match(payload, '^(.*),%s?"status":%s?"queued"}$')
    if rest then
      payload, marked = rest .. begun, 1
      marks[#marks + 1], marks[#marks + 2] = id, payload
    end
  end
  if payload and marked == 0 then redis.call('HSET', KEYS[4], id, ARGV[3]) end
  rows[3 * i - 2], rows[3 * i - 1], rows[3 * i] = id, payload, marked
end
if marks[1] then redis.call('MSET', unpack(marks)) end
for i = 1, #marks, 2 do redis.call('PUBLISH', marks[i], 'active') end
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
