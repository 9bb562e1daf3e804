"""SQL on SAQ's tables; `{jobs}` is the table of jobs, `{stats}` that of workers."""

from __future__ import annotations

LOCK_GROUPS = """
SELECT pg_advisory_xact_lock(hashtextextended(%(queue)s, 7303 + %(keyspace)s))
WHERE EXISTS (
  SELECT FROM {jobs} WHERE status = 'queued' AND queue = %(queue)s AND group_key IS NOT NULL AND scheduled <= %(now)s
)
"""

TAKE = """
WITH taken AS (
  SELECT key FROM {jobs} AS job
  WHERE status = 'queued' AND queue = %(queue)s AND scheduled <= %(now)s
    AND priority BETWEEN %(lowest)s AND %(highest)s
    AND (group_key IS NULL OR (
      NOT EXISTS (
        SELECT FROM {jobs} AS running
        WHERE running.status IN ('active', 'aborting') AND running.queue = %(queue)s
          AND running.group_key = job.group_key
      )
      AND NOT EXISTS (
        SELECT FROM {jobs} AS first
        WHERE first.status = 'queued' AND first.queue = %(queue)s AND first.group_key = job.group_key
          AND first.scheduled <= %(now)s AND first.priority BETWEEN %(lowest)s AND %(highest)s
          AND (first.priority, first.scheduled, first.lock_key) < (job.priority, job.scheduled, job.lock_key)
      )
    ))
  ORDER BY priority, scheduled
  LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED
)
UPDATE {jobs} SET status = 'active' FROM taken WHERE {jobs}.key = taken.key RETURNING job, {jobs}.key
"""

READ_JOB = "SELECT job, status FROM {jobs} WHERE key = %(key)s"

LOCK_JOB = "SELECT job, status FROM {jobs} WHERE key = %(key)s FOR UPDATE"

WRITE_JOB = "UPDATE {jobs} SET job = %(job)s WHERE key = %(key)s"

PUT_BACK = """
UPDATE {jobs} SET status = 'queued', job = %(job)s
WHERE key = %(key)s AND status = 'active' AND job = %(held)s
"""

WRITE_MANY = """
UPDATE {jobs} SET job = new.job, status = new.status, scheduled = new.scheduled,
  expire_at = CASE WHEN new.keeps THEN {jobs}.expire_at ELSE new.expire_at END
FROM unnest(
  %(keys)s::text[], %(payloads)s::bytea[], %(statuses)s::text[], %(scheduled)s::bigint[], %(expire_at)s::bigint[],
  %(keeps)s::boolean[], %(held)s::bytea[]
) AS new(key, job, status, scheduled, expire_at, keeps, held)
WHERE {jobs}.key = new.key AND (new.held IS NULL OR {jobs}.job = new.held)
"""

NOTE_MANY = """
UPDATE {jobs} SET job = new.job
FROM unnest(%(keys)s::text[], %(held)s::bytea[], %(payloads)s::bytea[]) AS new(key, held, job)
WHERE {jobs}.key = new.key AND {jobs}.job = new.held AND {jobs}.status = 'active'
"""

DELETE_MANY = """
DELETE FROM {jobs} USING unnest(%(keys)s::text[], %(held)s::bytea[]) AS old(key, held)
WHERE {jobs}.key = old.key AND (old.held IS NULL OR {jobs}.job = old.held)
"""

ENQUEUE_MANY = """
INSERT INTO {jobs} (key, job, queue, status, priority, group_key, scheduled)
SELECT key, job, %(queue)s, 'queued', priority, group_key, scheduled
FROM unnest(
  %(keys)s::text[], %(payloads)s::bytea[], %(priorities)s::smallint[], %(groups)s::text[], %(scheduled)s::bigint[]
) AS new(key, job, priority, group_key, scheduled)
ON CONFLICT (key) DO UPDATE SET
  job = excluded.job, queue = excluded.queue, status = excluded.status, priority = excluded.priority,
  group_key = excluded.group_key, scheduled = excluded.scheduled, expire_at = NULL
WHERE {jobs}.status IN ('aborted', 'complete', 'failed') AND excluded.scheduled > {jobs}.scheduled
RETURNING key
"""

FORGET_WORKER = "DELETE FROM {stats} WHERE worker_id = %(worker_id)s"

SWEEP_LOCK = "SELECT pg_try_advisory_lock(%(keyspace)s, hashtext(%(queue)s))"

EXPIRE_JOBS = """
DELETE FROM {jobs}
WHERE queue = %(queue)s AND status IN ('aborted', 'complete', 'failed') AND %(now)s >= expire_at
"""

EXPIRE_STATS = "DELETE FROM {stats} WHERE %(now)s >= expire_at"

SET_ASIDE = "UPDATE {jobs} SET status = 'failed', expire_at = NULL WHERE key = ANY(%(keys)s) AND queue = %(queue)s"

LIST_ACTIVE = "SELECT job, status, key FROM {jobs} WHERE queue = %(queue)s AND status IN ('active', 'aborting')"

HOLD_LEASE = """
INSERT INTO {stats} AS held (worker_id, stats, expire_at, queue_key)
VALUES (%(lease)s, %(owner)s, %(now)s + %(ttl)s, %(lease)s)
ON CONFLICT (worker_id) DO UPDATE SET stats = excluded.stats, expire_at = excluded.expire_at
WHERE held.stats = excluded.stats OR held.expire_at <= %(now)s
RETURNING 1
"""

HOLD = """
INSERT INTO {stats} (worker_id, stats, expire_at, queue_key)
VALUES (
  %(queue)s || ':' || %(worker_id)s,
  jsonb_build_object('worker', %(worker_id)s::text, 'until', extract(epoch FROM clock_timestamp()) + %(ttl)s),
  extract(epoch FROM clock_timestamp())::bigint + 86400,
  %(queue)s
)
ON CONFLICT (worker_id) DO UPDATE SET stats = excluded.stats, expire_at = excluded.expire_at
"""

LIST_LEASES = """
SELECT stats ->> 'worker', (stats ->> 'until')::double precision > extract(epoch FROM clock_timestamp())
FROM {stats} WHERE queue_key = %(queue)s
"""

FORGET_LEASES = "DELETE FROM {stats} WHERE queue_key = %(queue)s AND stats ->> 'worker' = ANY(%(workers)s)"

REPLACE_SAME = "UPDATE {jobs} SET job = %(job)s WHERE key = %(key)s AND job = %(held)s AND status = %(status)s"

OLDEST = """
SELECT min(scheduled) FROM {jobs} WHERE queue = %(queue)s AND status = 'queued' AND scheduled <= %(now)s
"""
