-- name: TenantEnsure
INSERT INTO tenant(id, name, created)
VALUES (?, ?, ?)
ON CONFLICT (id) DO NOTHING;

-- name: TenantList
SELECT id, name, created
FROM tenant
ORDER BY id;

-- name: KeyCreate
INSERT INTO api_key(id, tenant, name, scopes, hash, hint, created, expires, revoked)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: KeyPut
INSERT OR REPLACE INTO api_key(id, tenant, name, scopes, hash, hint, created, expires, revoked)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: KeyRevoke
-- A key that was revoked before stays revoked since then.
UPDATE api_key
SET revoked = CASE revoked WHEN 0 THEN ?3 ELSE revoked END
WHERE id = ?2 AND tenant = ?1;

-- name: KeyList
SELECT id, tenant, name, scopes, hash, hint, created, expires, revoked
FROM api_key
ORDER BY created, id;
