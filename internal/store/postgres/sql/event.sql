-- name: GetMany
SELECT id, tenant, name, type, time, version, key, deliver_at, cause, attributes, data, warnings, trace
FROM event
WHERE id = ANY ($1);

-- name: Range
SELECT id, tenant, name, type, time, version, key, deliver_at, cause, attributes, data, warnings, trace
FROM event
WHERE id >= $1 AND id < $2
ORDER BY id;

-- name: Keys
-- In one look, so that a key is never seen without its event.
SELECT k.id, k.event, k.digest, e.id IS NOT NULL,
  coalesce(e.id, 0), coalesce(e.tenant, 0), coalesce(e.name, ''), coalesce(e.type, ''), coalesce(e.time, 0),
  coalesce(e.version, ''), coalesce(e.key, ''), coalesce(e.deliver_at, 0), coalesce(e.cause, 0), e.attributes, e.data, e.warnings, e.trace
FROM event_key k LEFT JOIN event e ON e.id = k.event
WHERE k.id = ANY ($1);

-- name: PageBound
-- The lowest id of a page of rows below an id, or nothing if there are fewer.
SELECT id
FROM event
WHERE id < $1 AND id >= $2
ORDER BY id DESC
OFFSET $3
LIMIT 1;

-- name: Page
-- Of a text ($6), rows that may have it: as it is, or where a backslash may hide
-- it, or ($7) characters beyond ASCII in another form. The caller looks closer.
SELECT id, tenant, name, type, time, version, key, deliver_at, cause, attributes, data, warnings, trace
FROM event
WHERE id < $1 AND id >= $2 AND tenant = $3
  AND strpos(type, ':') = 0
  AND ($4 = '' OR type = $4)
  AND ($5 = '' OR key = $5)
  AND ($6::bytea IS NULL OR position($6::bytea IN data) > 0
    OR position('\x5c'::bytea IN data) > 0
    OR ($7::boolean AND length(data) <> length(data, 'UTF8')))
ORDER BY id DESC
LIMIT $8;

-- name: ScanBound
SELECT id
FROM event
WHERE id > $1 AND id <= $2
ORDER BY id
OFFSET $3
LIMIT 1;

-- name: Scan
SELECT id, tenant, name, type, time, version, key, deliver_at, cause, attributes, data, warnings, trace
FROM event
WHERE id > $1 AND id <= $2 AND tenant = $3
ORDER BY id;
