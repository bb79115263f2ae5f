-- Removing all data of a tenant from the tables of the engine, a range of ids at a time.

-- name: EraseEventsUpTo
-- The end of a range of rows that begins after an id; NULL at the end of the table.
SELECT id
FROM event
WHERE id > $1
ORDER BY id
LIMIT 1 OFFSET $2;

-- name: EraseAttemptsUpTo
SELECT id
FROM attempt
WHERE id > $1
ORDER BY id
LIMIT 1 OFFSET $2;

-- name: EraseEventKeys
DELETE FROM event_key
WHERE event IN (
  SELECT id
  FROM event
  WHERE id > $1 AND id <= $2 AND tenant = $3);

-- name: EraseEvents
DELETE FROM event
WHERE id > $1 AND id <= $2 AND tenant = $3;

-- name: EraseAttempts
DELETE FROM attempt
WHERE id > $1 AND id <= $2 AND tenant = $3;

-- name: EraseOwedWebhooks
SELECT DISTINCT webhook
FROM owed
WHERE tenant = $1;

-- name: EraseRollup
DELETE FROM rollup
WHERE tenant = $1;

-- Removing what some tenants no longer keep of a day: ids from $1 up to $2, which is exclusive.

-- name: IntakeOpenOfDay
SELECT EXISTS (SELECT FROM intake WHERE id >= $1 AND id < $2 AND fence >= 0);

-- name: OwedTenantsOfDay
SELECT DISTINCT tenant
FROM owed
WHERE event >= $1 AND event < $2 AND tenant = ANY($3::bigint[]);

-- name: ExpireEventsUpTo
SELECT id
FROM event
WHERE id >= $1 AND id < $2
ORDER BY id
LIMIT 1 OFFSET $3;

-- name: ExpireAttemptsUpTo
SELECT id
FROM attempt
WHERE id >= $1 AND id < $2
ORDER BY id
LIMIT 1 OFFSET $3;

-- name: ExpireEventKeys
DELETE FROM event_key
WHERE event IN (
  SELECT e.id
  FROM event e
  WHERE e.id >= $1 AND e.id < $2 AND e.tenant = ANY($3::bigint[])
    AND NOT EXISTS (SELECT FROM owed o WHERE o.event = e.id));

-- name: ExpireEvents
DELETE FROM event e
WHERE e.id >= $1 AND e.id < $2 AND e.tenant = ANY($3::bigint[])
  AND NOT EXISTS (SELECT FROM owed o WHERE o.event = e.id);

-- name: ExpireAttempts
DELETE FROM attempt
WHERE id >= $1 AND id < $2 AND tenant = ANY($3::bigint[]);

-- name: ExpireRollup
DELETE FROM rollup
WHERE at >= $1 AND at < $2 AND tenant = ANY($3::bigint[]);
