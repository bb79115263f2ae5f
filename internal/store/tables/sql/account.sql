-- Tenants and keys.

-- name: TenantEnsure
INSERT INTO tenant(id, name, created)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;

-- name: TenantList
SELECT id, name, created
FROM tenant
ORDER BY id;

-- name: KeyCreate
INSERT INTO api_key(id, tenant, name, scopes, limits, hash, hint, created, expires, revoked)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: KeyPut
INSERT INTO api_key(id, tenant, name, scopes, limits, hash, hint, created, expires, revoked)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO UPDATE
SET tenant = $2, name = $3, scopes = $4, limits = $5, hash = $6, hint = $7, created = $8, expires = $9, revoked = $10;

-- name: KeyRevoke
-- A key that was revoked before stays revoked since then.
UPDATE api_key
SET revoked = CASE revoked WHEN 0 THEN $3 ELSE revoked END
WHERE id = $2 AND tenant = $1;

-- name: KeyList
SELECT id, tenant, name, scopes, limits, hash, hint, created, expires, revoked
FROM api_key
ORDER BY created, id;
