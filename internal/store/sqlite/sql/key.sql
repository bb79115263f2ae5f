-- name: KeyGet
SELECT event, proof
FROM idempotency_key
WHERE id = ?;

-- name: KeyPut
-- Replaces the row of an event that no longer exists.
INSERT OR REPLACE INTO idempotency_key(id, event, proof)
VALUES (?, ?, ?);

-- name: KeyPage
SELECT id, event
FROM idempotency_key
WHERE id >= ?
ORDER BY id
LIMIT ?;

-- name: KeyDelete
DELETE FROM idempotency_key
WHERE id = ? AND event = ?;

-- name: MetaGet
SELECT through, swept_before, salt
FROM meta;

-- name: MetaSetThrough
UPDATE meta
SET through = max(through, ?);

-- name: MetaSetSwept
UPDATE meta
SET swept_before = ?;
