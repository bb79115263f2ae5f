-- name: WebhookList
SELECT number, id, tenant, settings, secrets, status, health, inactive, created, updated, version
FROM webhook
ORDER BY number;

-- name: WebhookCreate
INSERT INTO webhook(id, tenant, settings, secrets, status, health, inactive, created, updated)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: WebhookUpdate
UPDATE webhook
SET settings = ?4, secrets = ?5, status = ?6, health = ?7, inactive = ?8, updated = ?9, version = version + 1
WHERE number = ?1 AND tenant = ?2 AND version = ?3;

-- name: WebhookHealth
UPDATE webhook
SET health = ?4, version = version + 1
WHERE number = ?1 AND tenant = ?2 AND version = ?3;

-- name: WebhookExists
SELECT 1
FROM webhook
WHERE number = ?1 AND tenant = ?2;

-- name: WebhookDelete
DELETE FROM webhook
WHERE number = ? AND tenant = ?;

-- name: WebhookSecretsList
SELECT number, id, tenant, secrets
FROM webhook
ORDER BY number;

-- name: WebhookSecretsUpdate
-- Not if they have changed since they were read: the change sealed them.
UPDATE webhook
SET secrets = ?3
WHERE number = ?1 AND secrets = ?2;
