-- name: PartitionState
-- Whether a table exists, and whether it is a partition of the other.
SELECT to_regclass($1::text) IS NOT NULL,
  EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1::text) AND inhparent = to_regclass($2::text));

-- name: Partitions
-- The tables named like partitions where the table is, and whether they are.
SELECT c.relname::text, EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid AND inhparent = to_regclass($1::text))
FROM pg_class c
WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass($1::text))
  AND c.relkind = 'r' AND c.relname LIKE $2;

-- name: EventsNeeded
SELECT EXISTS (SELECT FROM owed WHERE event >= $1 AND event < $2)
  OR EXISTS (SELECT FROM intake WHERE id >= $1 AND id < $2 AND fence >= 0)
  -- The id of an attempt is above its event's, which leaves out earlier partitions.
  OR EXISTS (SELECT FROM attempt WHERE event >= $1 AND event < $2 AND id >= $1);

-- name: KeysExpire
DELETE FROM event_key
WHERE id IN (
  SELECT id
  FROM event_key
  WHERE event >= $1 AND event < $2
  LIMIT $3);

-- name: RollupExpire
DELETE FROM rollup
WHERE (tenant, webhook, unit, at) IN (
  SELECT tenant, webhook, unit, at
  FROM rollup
  WHERE at < $1
  LIMIT $2);

-- name: LagExpire
DELETE FROM attempt_lag
WHERE day IN (
  SELECT day
  FROM attempt_lag
  WHERE day < $1
  LIMIT $2);

-- name: TombstonesExpire
DELETE FROM intake
WHERE id IN (
  SELECT id
  FROM intake
  WHERE fence = -1 AND id < $1
  LIMIT $2);
