-- name: KeyGet
SELECT event, digest
FROM idempotency_key
WHERE hash = ?;

-- name: KeyPut
-- Replaces the row of an event that no longer exists.
INSERT OR REPLACE INTO idempotency_key(hash, event, digest)
VALUES (?, ?, ?);

-- name: KeyPage
SELECT hash, event
FROM idempotency_key
WHERE hash > ?
ORDER BY hash
LIMIT ?;

-- name: KeyDelete
DELETE FROM idempotency_key
WHERE hash = ? AND event = ?;

-- name: MetaGet
SELECT through, swept_before
FROM meta;

-- name: MetaSetThrough
UPDATE meta
SET through = max(through, ?);

-- name: MetaSetSwept
UPDATE meta
SET swept_before = ?;
