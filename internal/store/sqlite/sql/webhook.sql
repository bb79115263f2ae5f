-- name: WebhookList
SELECT number, id, tenant, settings, secrets, status, health, inactive, created, updated
FROM webhook
ORDER BY number;

-- name: WebhookCreate
INSERT INTO webhook(id, tenant, settings, secrets, status, health, inactive, created, updated)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: WebhookUpdate
UPDATE webhook
SET settings = ?3, secrets = ?4, status = ?5, health = ?6, inactive = ?7, updated = ?8
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
