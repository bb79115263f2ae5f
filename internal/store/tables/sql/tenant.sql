-- Tenants. A row is never deleted, so that no number is given twice: of an erased tenant only its number is left.

-- name: TenantEnsure
INSERT INTO tenant(id, name, created)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;

-- name: TenantList
SELECT id, name, settings, life, created, updated, version
FROM tenant
ORDER BY id;

-- name: TenantCreate
-- None where another server has taken the number or the name.
INSERT INTO tenant(id, name, settings, life, created)
SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4
FROM tenant
WHERE true -- for SQLite, which else takes ON for that of a join
ON CONFLICT DO NOTHING
RETURNING id;

-- name: TenantNamed
SELECT count(*)
FROM tenant
WHERE name = $1;

-- name: TenantUpdate
UPDATE tenant
SET name = $3, settings = $4, life = $5, updated = $6, version = version + 1
WHERE id = $1 AND version = $2;

-- name: TenantLock
-- Holds up others that do the same, until the transaction has ended.
UPDATE tenant
SET version = version
WHERE id = $1;

-- name: TenantErasePeople
-- Those who belong to no other tenant, and do not run the installation.
DELETE FROM person
WHERE id IN (SELECT person FROM tenant_user WHERE tenant = $1)
  AND id NOT IN (SELECT person FROM tenant_user WHERE tenant <> $1);

-- name: TenantEraseSessions
DELETE FROM session
WHERE person NOT IN (SELECT id FROM person);

-- name: TenantEraseLinks
DELETE FROM login_link
WHERE person NOT IN (SELECT id FROM person);

-- name: TenantEraseFactors
DELETE FROM second_factor
WHERE person NOT IN (SELECT id FROM person);

-- name: TenantEraseRecovery
DELETE FROM recovery_code
WHERE person NOT IN (SELECT id FROM person);

-- name: TenantErasePending
DELETE FROM pending_login
WHERE person NOT IN (SELECT id FROM person);

-- name: TenantEraseIdentities
DELETE FROM identity
WHERE person NOT IN (SELECT id FROM person);

-- name: TenantErasePasskeys
DELETE FROM passkey
WHERE person NOT IN (SELECT id FROM person);

-- name: TenantExpiredList
SELECT tenant, day
FROM tenant_expired;

-- name: TenantExpiredSet
INSERT INTO tenant_expired(tenant, day)
VALUES ($1, $2)
ON CONFLICT (tenant) DO UPDATE SET day = $2 WHERE tenant_expired.day < $2;
