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

HOLD_LEASE = """
-- KEYS: a lease. ARGV: who wants it, milliseconds.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
