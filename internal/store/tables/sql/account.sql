-- API keys.

-- name: KeyCreate
INSERT INTO api_key(id, tenant, name, scopes, limits, hash, hint, created, expires, revoked)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: KeyPut
INSERT INTO api_key(id, tenant, name, scopes, limits, hash, hint, created, expires, revoked)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO UPDATE
SET tenant = $2, name = $3, scopes = $4, limits = $5, hash = $6, hint = $7, created = $8, expires = $9, revoked = $10;

-- name: KeyEnd
-- Makes a valid key end, unless it ends earlier.
UPDATE api_key
SET expires = CASE WHEN expires = 0 OR expires > $3 THEN $3 ELSE expires END
WHERE id = $2 AND tenant = $1 AND revoked = 0 AND (expires = 0 OR expires > $4);

-- name: KeyUsed
-- A later use that another server has stored stays.
INSERT INTO key_use(id, tenant, at, address)
VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE
SET at = excluded.at, address = CASE excluded.address WHEN '' THEN key_use.address ELSE excluded.address END
WHERE key_use.at < excluded.at;

-- name: KeyUses
SELECT id, at, address
FROM key_use
WHERE tenant = $1;

-- name: KeyRevoke
-- A key that was revoked before stays revoked since then.
UPDATE api_key
SET revoked = CASE revoked WHEN 0 THEN $3 ELSE revoked END
WHERE id = $2 AND tenant = $1;

-- name: KeyWarned
UPDATE api_key
SET warned = $3
WHERE id = $2 AND tenant = $1;

-- name: KeyList
SELECT id, tenant, name, scopes, limits, hash, hint, created, expires, revoked, warned
FROM api_key
ORDER BY created, id;
