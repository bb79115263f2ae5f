-- name: TenantEnsure
INSERT INTO tenant(id, name, created)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;

-- name: TenantList
SELECT id, name, created
FROM tenant
ORDER BY id;

-- name: KeyCreate
INSERT INTO api_key(id, tenant, name, scopes, hash, hint, created, expires, revoked)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: KeyPut
INSERT INTO api_key(id, tenant, name, scopes, hash, hint, created, expires, revoked)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (id) DO UPDATE SET tenant = $2, name = $3, scopes = $4, hash = $5, hint = $6, created = $7, expires = $8, revoked = $9;

-- name: KeyRevoke
-- A key that was revoked before stays revoked since then.
UPDATE api_key
SET revoked = CASE revoked WHEN 0 THEN $3 ELSE revoked END
WHERE id = $2 AND tenant = $1;

-- name: KeyList
SELECT id, tenant, name, scopes, hash, hint, created, expires, revoked
FROM api_key
ORDER BY created, id;

-- name: WebhookList
SELECT number, id, tenant, settings, secrets, status, health, inactive, created, updated, version
FROM webhook
ORDER BY number;

-- name: WebhookChanged
SELECT number, id, tenant, settings, secrets, status, health, inactive, created, updated, version
FROM webhook
WHERE changed > $1
ORDER BY number;

-- name: WebhookDeleted
SELECT number
FROM webhook_deleted
WHERE changed > $1;

-- name: WebhooksBump
-- The row's lock lets one change after the other commit, so that who has read
-- up to a number has missed none below it.
UPDATE relay_meta
SET webhooks = webhooks + 1
RETURNING webhooks;

-- name: WebhooksThrough
SELECT webhooks
FROM relay_meta;

-- name: WebhookCreate
INSERT INTO webhook(changed, id, tenant, settings, secrets, status, health, inactive, created, updated)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
RETURNING number;

-- name: WebhookUpdate
UPDATE webhook
SET changed = $1, settings = $5, secrets = $6, status = $7, health = $8, inactive = $9, updated = $10, version = version + 1
WHERE number = $2 AND tenant = $3 AND version = $4;

-- name: WebhookHealth
UPDATE webhook
SET changed = $1, health = $5, version = version + 1
WHERE number = $2 AND tenant = $3 AND version = $4;

-- name: WebhookExists
SELECT EXISTS (SELECT FROM webhook WHERE number = $1 AND tenant = $2);

-- name: WebhookDelete
WITH gone AS (
  DELETE FROM webhook
  WHERE number = $2 AND tenant = $3
  RETURNING number
)
INSERT INTO webhook_deleted(number, changed)
SELECT number, $1 FROM gone;

-- name: WebhookSecretsList
SELECT number, id, tenant, secrets
FROM webhook
ORDER BY number;

-- name: WebhookSecretsUpdate
-- Not if they have changed since they were read: the change sealed them.
UPDATE webhook
SET secrets = $3
WHERE number = $1 AND secrets = $2;

-- name: JobPut
INSERT INTO job(id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (id) DO UPDATE SET tenant = $2, webhook = $3, kind = $4, state = $5, since = $6, until = $7,
  cursor = $8, scanned = $9, owed = $10, error = $11, created = $12, finished = $13;

-- name: JobGet
SELECT id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished
FROM job
WHERE id = $1 AND tenant = $2;

-- name: JobList
SELECT id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished
FROM job
WHERE $1 = 0 OR tenant = $1
ORDER BY created DESC, id DESC
LIMIT 250;

-- name: JobOrphans
-- The registrations that live no more and have jobs, as in OrphanIntakes.
SELECT DISTINCT fence
FROM job
WHERE state = 'running' AND NOT EXISTS (SELECT FROM node WHERE node.fence = job.fence);

-- name: JobsOf
SELECT id
FROM job
WHERE state = 'running' AND fence = ANY($1)
ORDER BY id
LIMIT 100;

-- name: JobGiveBack
UPDATE job
SET fence = 0
WHERE fence = $1 AND id = ANY($2);

-- name: JobClaim
UPDATE job
SET fence = $1
WHERE state = 'running' AND fence = ANY($2) AND id = ANY($3)
RETURNING id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished;

-- name: JobProgress
UPDATE job
SET state = $3, cursor = $4, scanned = $5, owed = $6, error = $7, finished = $8
WHERE id = $1 AND fence = $2 AND state = 'running';

-- name: JobCancel
UPDATE job
SET state = 'canceled', finished = $3
WHERE id = $1 AND tenant = $2 AND state = 'running';

-- name: KeysLock
SELECT keys, key_check
FROM relay_meta
FOR UPDATE;

-- name: KeysSet
UPDATE relay_meta
SET keys = $1, key_check = $2;

-- name: CatalogueList
SELECT tenant, kind, name, version, body, created, updated
FROM catalogue
ORDER BY number;

-- name: CataloguePut
INSERT INTO catalogue(tenant, kind, name, version, body, created, updated)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant, kind, name, version) DO UPDATE SET body = $5, updated = $7;

-- name: CatalogueDelete
DELETE FROM catalogue
WHERE tenant = $1 AND kind = $2 AND name = $3 AND ($4 = '' OR version = $4);
