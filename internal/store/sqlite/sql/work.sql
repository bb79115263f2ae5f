-- Owed deliveries and closed intakes: see schema_work_01.sql.

-- name: OwedInsert
-- Changes nothing if there is a row.
INSERT INTO owed(event, webhook, tenant, due, since, attempts, base, reason, sequence, blocked)
VALUES (
  ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
  ?9 <> 0 AND EXISTS (SELECT 1 FROM owed WHERE webhook = ?2 AND sequence = ?9 AND sequence <> 0 AND event < ?1)
)
ON CONFLICT DO NOTHING;

-- name: OwedBlock
-- A row has come before those that were first in its sequence.
UPDATE owed
SET blocked = 1
WHERE webhook = ? AND sequence = ? AND sequence <> 0 AND event > ? AND blocked = 0;

-- name: OwedUnblock
-- The first row of a sequence is gone: the one behind it is first.
UPDATE owed
SET blocked = 0
WHERE webhook = ?1 AND event = (
  SELECT event
  FROM owed
  WHERE webhook = ?1 AND sequence = ?2 AND sequence <> 0
  ORDER BY event
  LIMIT 1
);

-- name: OwedRun
-- The rows behind one in its sequence.
SELECT event
FROM owed
WHERE webhook = ? AND sequence = ? AND sequence <> 0 AND event > ?
ORDER BY event
LIMIT ?;

-- name: OwedUpdate
-- Changes nothing if the row is in another sequence.
UPDATE owed
SET tenant = ?3, due = ?4, since = ?5, attempts = ?6, base = ?7, reason = ?8
WHERE event = ?1 AND webhook = ?2 AND sequence = ?9;

-- name: OwedDelete
DELETE FROM owed
WHERE event = ? AND webhook = ?
RETURNING sequence;

-- name: OwedAll
SELECT event, webhook, tenant, due, since, attempts, base, reason, sequence
FROM owed
ORDER BY event, webhook;

-- name: OwedGet
SELECT event, webhook, tenant, due, since, attempts, base, reason, sequence
FROM owed
WHERE event = ? AND webhook = ?;

-- name: OwedOfEvent
SELECT event, webhook, tenant, due, since, attempts, base, reason, sequence
FROM owed
WHERE event = ?;

-- name: OwedDue
-- The order in which a webhook's deliveries come due; the index alone answers.
SELECT due, event
FROM owed
WHERE webhook = ? AND blocked = 0 AND due <= ?
ORDER BY due, event;

-- name: OwedToCome
SELECT due
FROM owed
WHERE webhook = ? AND blocked = 0 AND due > ?
ORDER BY due
LIMIT 1;

-- name: OwedNewest
SELECT event, webhook, tenant, due, since, attempts, base, reason, sequence
FROM owed
WHERE (event, webhook) < (?, ?)
ORDER BY event DESC, webhook DESC;

-- name: OwedOfWebhook
SELECT event
FROM owed
WHERE webhook = ?;

-- name: OwedMove
UPDATE owed
SET due = ?4, since = ?4, base = attempts, reason = ?5
WHERE event = ?1 AND webhook = ?2 AND tenant = ?3;

-- name: OwedMoveBatch
UPDATE owed
SET due = ?4, since = ?4, base = attempts, reason = ?5
WHERE webhook = ?1 AND sequence = ?2 AND sequence <> 0 AND tenant = ?3;

-- name: OwedAhead
-- Rows due after another, of those that are first in their sequence, or not.
SELECT event, webhook, tenant, due, since, attempts, base, reason, sequence
FROM owed
WHERE webhook = ? AND blocked = ? AND (due, event) > (?, ?)
ORDER BY due, event
LIMIT ?;

-- name: OwedReschedule
UPDATE owed
SET due = ?4, since = ?5
WHERE event = ?1 AND webhook = ?2 AND due = ?3;

-- name: OwedSome
SELECT event
FROM owed
WHERE webhook = ?
LIMIT ?;

-- name: OwedCount
SELECT webhook, count(*), min(event)
FROM owed
GROUP BY webhook;

-- name: OwedOldest
SELECT event
FROM owed
ORDER BY event
LIMIT 1;

-- name: ClosedInsert
INSERT INTO closed(intake)
VALUES (?)
ON CONFLICT DO NOTHING;

-- name: ClosedDelete
DELETE FROM closed
WHERE intake <= ?;

-- name: ClosedList
SELECT intake
FROM closed
ORDER BY intake;

-- name: ClosedThrough
SELECT closed_through
FROM meta;

-- name: ClosedThroughSet
UPDATE meta
SET closed_through = ?;

-- name: OwedWebhooks
SELECT DISTINCT webhook
FROM owed
WHERE tenant = ?;

-- name: OwedOfDay
SELECT event, tenant
FROM owed
WHERE event >= ? AND event < ?;
