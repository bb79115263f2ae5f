-- The log of attempts: see schema_attempts_01.sql.

-- name: BlockInsert
INSERT INTO block(id, entries, raw_bytes, crc, body)
VALUES (?, ?, ?, ?, ?);

-- name: BlockGet
SELECT id, raw_bytes, crc, body
FROM block
WHERE id = ?;

-- name: BlockAt
-- The block that would hold the entry.
SELECT id, entries
FROM block
WHERE id <= ?
ORDER BY id DESC
LIMIT 1;

-- name: BlocksAfter
SELECT id, raw_bytes, crc, body
FROM block
WHERE id > ?
ORDER BY id
LIMIT ?;

-- name: LastID
SELECT id + entries - 1
FROM block
ORDER BY id DESC
LIMIT 1;

-- name: ChunkInsert
INSERT INTO chunk(id, last)
VALUES (?, ?);

-- name: WebhookInsert
INSERT INTO by_webhook(chunk, webhook, kinds, blocks)
VALUES (?, ?, ?, ?);

-- name: WebhookNewest
-- The joins look the owner up in each chunk, newest first.
SELECT chunk.id, kinds, blocks
FROM chunk CROSS JOIN by_webhook ON chunk = chunk.id AND webhook = ?1
WHERE last >= ?2 AND chunk.id < ?3
ORDER BY chunk.id DESC;

-- name: WebhookOldest
SELECT chunk.id, kinds, blocks
FROM chunk CROSS JOIN by_webhook ON chunk = chunk.id AND webhook = ?1
WHERE last >= ?2 AND chunk.id <= ?3
ORDER BY chunk.id;

-- name: TenantInsert
INSERT INTO by_tenant(chunk, tenant, kinds, blocks)
VALUES (?, ?, ?, ?);

-- name: TenantNewest
SELECT chunk.id, kinds, blocks
FROM chunk CROSS JOIN by_tenant ON chunk = chunk.id AND tenant = ?1
WHERE last >= ?2 AND chunk.id < ?3
ORDER BY chunk.id DESC;

-- name: EventInsert
INSERT INTO by_event(event, webhook, attempt)
VALUES (?, ?, ?);

-- name: OfEvent
SELECT attempt
FROM by_event
WHERE event = ?;

-- name: OfDelivery
SELECT attempt
FROM by_event
WHERE event = ? AND webhook = ?;

-- name: LaterExists
-- Whether the delivery has an entry after the given one.
SELECT EXISTS (
  SELECT *
  FROM by_event
  WHERE event = ? AND webhook = ? AND attempt > ?);

-- name: EventsExist
-- Whether there is an entry about any of these events.
SELECT EXISTS (
  SELECT *
  FROM by_event
  WHERE event >= ? AND event < ?);

-- name: RollupAdd
INSERT INTO rollup(unit, at, tenant, webhook, delivered, retrying, failed, total_ms, max_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (unit, at, tenant, webhook) DO UPDATE SET
  delivered = delivered + excluded.delivered,
  retrying  = retrying + excluded.retrying,
  failed    = failed + excluded.failed,
  total_ms  = total_ms + excluded.total_ms,
  max_ms    = max(max_ms, excluded.max_ms);

-- name: RollupSum
-- Visits the spans that exist one by one and looks the row up in each: a plain
-- range would read the rows of all webhooks.
WITH RECURSIVE span(at) AS (
  SELECT (SELECT min(at) FROM rollup WHERE unit = ?1 AND at >= ?2)
  UNION ALL
  SELECT (SELECT min(at) FROM rollup WHERE unit = ?1 AND at > span.at)
  FROM span
  WHERE span.at < ?3
)
SELECT r.at, r.delivered, r.retrying, r.failed, r.total_ms, r.max_ms, r.webhook
FROM span CROSS JOIN rollup r ON r.unit = ?1 AND r.at = span.at AND r.tenant = ?4
  AND r.webhook IN (SELECT value FROM json_each(?5))
WHERE span.at < ?3;

-- name: MetaGet
SELECT value
FROM meta
WHERE name = ?;

-- name: MetaSet
INSERT INTO meta(name, value)
VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: BlockReplace
UPDATE block
SET raw_bytes = ?2, crc = ?3, body = ?4
WHERE id = ?1 AND crc = ?5;

-- name: EventErase
DELETE FROM by_event
WHERE event = ? AND webhook = ? AND attempt = ?;

-- name: WebhookErase
-- In the chunk that holds the block.
DELETE FROM by_webhook
WHERE webhook = ?1 AND chunk = (
  SELECT max(id)
  FROM chunk
  WHERE id <= ?2);

-- name: TenantErase
DELETE FROM by_tenant
WHERE tenant = ?;

-- name: RollupErase
DELETE FROM rollup
WHERE tenant = ?;
