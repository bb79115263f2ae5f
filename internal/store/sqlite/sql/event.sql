-- name: BlockInsert
INSERT INTO block(id, events, raw_bytes, crc, body)
VALUES (?, ?, ?, ?, ?);

-- name: BlockAt
-- The block that would hold the event.
SELECT id, events, raw_bytes, crc, body
FROM block
WHERE id <= ?
ORDER BY id DESC
LIMIT 1;

-- name: BlockAfter
SELECT id, events, raw_bytes, crc, body
FROM block
WHERE id > ?
ORDER BY id
LIMIT 1;

-- name: BlockBefore
SELECT id, events, raw_bytes, crc, body
FROM block
WHERE id < ?
ORDER BY id DESC
LIMIT 1;

-- name: BlockIDs
SELECT id
FROM block
WHERE id > ?
ORDER BY id;

-- name: BlockLastBefore
SELECT id
FROM block
WHERE id < ?
ORDER BY id DESC
LIMIT 1;

-- name: BlockLast
SELECT id, events
FROM block
ORDER BY id DESC
LIMIT 1;

-- name: BlockReplace
UPDATE block
SET raw_bytes = ?2, crc = ?3, body = ?4
WHERE id = ?1 AND crc = ?5;
