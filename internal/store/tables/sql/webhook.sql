-- Webhooks. "changed" is the number of the change that wrote the row last.

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

-- name: WebhookCreate
INSERT INTO webhook(changed, id, tenant, settings, secrets, status, health, inactive, created, updated, owner)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
RETURNING number;

-- name: WebhookCount
SELECT count(*)
FROM webhook
WHERE tenant = $1 AND owner = $2 AND status <> 'ended';

-- name: WebhookUpdate
UPDATE webhook
SET changed = $1, settings = $5, secrets = $6, status = $7, health = $8, inactive = $9, updated = $10, version = version + 1
WHERE number = $2 AND tenant = $3 AND version = $4;

-- name: WebhookHealth
UPDATE webhook
SET changed = $1, health = $5, version = version + 1
WHERE number = $2 AND tenant = $3 AND version = $4;

-- name: WebhookExists
SELECT count(*)
FROM webhook
WHERE number = $1 AND tenant = $2;

-- name: WebhookDelete
DELETE FROM webhook
WHERE number = $1 AND tenant = $2;

-- name: WebhookDeletedAdd
-- Before the webhook is deleted, for its id.
INSERT INTO webhook_deleted(number, changed, id, tenant)
SELECT number, $2, id, tenant
FROM webhook
WHERE number = $1 AND tenant = $3;

-- name: WebhookDeletedGet
SELECT number
FROM webhook_deleted
WHERE id = $2 AND id <> '' AND tenant = $1;

-- name: WebhookSecretsList
SELECT number, id, tenant, secrets
FROM webhook
ORDER BY number;

-- name: WebhookSecretsUpdate
-- Not if they have changed since they were read: the change sealed them.
UPDATE webhook
SET secrets = $3
WHERE number = $1 AND secrets = $2;
