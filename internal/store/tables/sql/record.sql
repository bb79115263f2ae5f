-- Records of configuration, of all kinds that have no table of their own.

-- name: RecordList
SELECT number, tenant, name, version, body, sealed, created, updated
FROM record
WHERE kind = $1
ORDER BY number;

-- name: RecordNames
SELECT name
FROM record
WHERE tenant = $1 AND kind = $2;

-- name: RecordCreate
INSERT INTO record(tenant, kind, name, version, body, sealed, created, updated)
VALUES ($1, $2, $3, 1, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
RETURNING number;

-- name: RecordUpdate
UPDATE record
SET version = version + 1, body = $5, sealed = $6, updated = $7
WHERE tenant = $1 AND kind = $2 AND name = $3 AND version = $4;

-- name: RecordDelete
DELETE FROM record
WHERE tenant = $1 AND kind = $2 AND name = $3 AND version = $4;

-- name: RecordSealedList
SELECT number, tenant, kind, name, sealed
FROM record
WHERE length(sealed) > 0
ORDER BY number;

-- name: RecordSealedUpdate
-- Not if they have changed since they were read: the change sealed them.
UPDATE record
SET sealed = $3
WHERE number = $1 AND sealed = $2;
