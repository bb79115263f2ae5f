-- name: Register
-- The lock of relay_meta's row lets one node after the other choose a number.
WITH fence AS (
  UPDATE relay_meta
  SET fence = fence + 1
  RETURNING fence
)
SELECT fence, pg_postmaster_start_time()::text FROM fence;

-- name: FreeNumber
SELECT n
FROM generate_series(0, $1) n
WHERE NOT EXISTS (SELECT FROM node WHERE number = n)
ORDER BY n
LIMIT 1;

-- name: NodeInsert
INSERT INTO node(fence, number, name, expires)
VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond');

-- name: RolledInsert
INSERT INTO rolled(number, through)
VALUES ($1, $2)
ON CONFLICT DO NOTHING;

-- name: Renew
UPDATE node
SET expires = clock_timestamp() + $2 * interval '1 millisecond'
WHERE fence = $1
RETURNING pg_postmaster_start_time()::text;

-- name: Leave
DELETE FROM node
WHERE fence = $1;

-- name: FenceExpired
-- A node with a write under way is left to the next call: one that is frozen within a transaction must not
-- keep others from being taken over.
DELETE FROM node
WHERE fence IN (
  SELECT fence
  FROM node
  WHERE expires < clock_timestamp() AND fence <> $1
  FOR UPDATE SKIP LOCKED)
RETURNING fence, number, name;

-- name: EndFrozenWrites
-- PostgreSQL's own time-outs do not end a COPY that waits for its client, whose transaction holds the lock on
-- its node's row (see opening in change.go). No call of a node that lives lasts as long as $1.
WITH frozen AS MATERIALIZED (
  SELECT n.fence, n.number, n.name, a.pid
  FROM node n
  JOIN pg_stat_activity a ON a.query LIKE '%FROM node WHERE fence = ' || n.fence || ' FOR KEY SHARE%'
  WHERE n.expires < clock_timestamp() AND a.datname = current_database() AND a.usename = current_user
    AND a.state = 'active' AND a.wait_event = 'ClientRead' AND a.query_start < clock_timestamp() - $1::interval)
SELECT fence, number, name
FROM frozen
WHERE pg_terminate_backend(pid);

-- name: LastEvent
-- The highest id a node number has given from a moment on: nothing, as long as
-- clocks were right.
SELECT max(id)
FROM event
WHERE id >= $1 AND ((id >> 12) & 511) = $2;

-- name: LastAttempt
SELECT max(id)
FROM attempt
WHERE id >= $1 AND ((id >> 12) & 511) = $2;

-- name: OrphanFences
-- Owners of claims that live no more, the first between each two that live. It
-- passes over the claims of those that live: what they have had is in the index
-- for as long as VACUUM is kept from its work.
SELECT x.fence
FROM (
  SELECT fence AS after, coalesce(lead(fence) OVER (ORDER BY fence) << 39, 9223372036854775807) AS before
  FROM (SELECT 0::bigint AS fence UNION ALL SELECT fence FROM node) n
) gap
CROSS JOIN LATERAL (
  SELECT claim >> 39 AS fence
  FROM owed
  WHERE claim <> 0 AND claim >= (gap.after + 1) << 39 AND claim < gap.before
  ORDER BY claim
  LIMIT 1) x;

-- name: ClaimsRelease
WITH orphan AS MATERIALIZED (
  SELECT event, webhook
  FROM owed
  WHERE claim <> 0 AND claim >= $1::bigint << 39 AND claim < ($1::bigint + 1) << 39
  LIMIT $2
  FOR UPDATE SKIP LOCKED
)
UPDATE owed
SET claim = 0
FROM orphan
WHERE owed.event = orphan.event AND owed.webhook = orphan.webhook;

-- name: OrphanIntakes
-- The registrations that live no more and have intakes. Who takes these names
-- them: with NOT EXISTS in the statement that takes, a row that another node
-- has just taken would count as nobody's still, because a join is not made anew
-- for a row that has changed meanwhile (EvalPlanQual in PostgreSQL's
-- src/backend/executor/README).
SELECT DISTINCT fence
FROM intake
WHERE fence >= 0 AND NOT EXISTS (SELECT FROM node WHERE node.fence = intake.fence);

-- name: IntakesOf
SELECT id
FROM intake
WHERE fence = ANY($1)
ORDER BY id
LIMIT $2;

-- name: Pulse
SELECT (SELECT count(*) FROM node WHERE expires >= clock_timestamp()), revision, webhooks,
  (SELECT coalesce(json_object_agg(kind, n), '{}') FROM revision)::text, clock_timestamp()
FROM relay_meta;

-- name: IntakeOwed
SELECT event, webhook
FROM owed
WHERE event >= $1 AND event < $2;

-- name: IntakeSettled
-- An attempt's id is above its event's.
SELECT event, webhook
FROM attempt
WHERE event >= $1 AND event < $2 AND id > $1 AND outcome <> 2;

-- name: IntakeHas
SELECT EXISTS (SELECT FROM intake WHERE id <= $1 AND id > $1::bigint - $2::bigint AND id + events > $1 AND fence >= 0);
