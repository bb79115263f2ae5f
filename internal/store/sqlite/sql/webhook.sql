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
