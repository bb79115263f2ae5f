-- Answers to requests with the header Idempotency-Key, and random values that all servers of an installation share.

-- name: AnswerExpire
DELETE FROM answer
WHERE key IN (SELECT key FROM answer WHERE at < $1 LIMIT 100 FOR UPDATE SKIP LOCKED);

-- name: AnswerExpire sqlite
DELETE FROM answer
WHERE key IN (SELECT key FROM answer WHERE at < $1 LIMIT 100);

-- name: AnswerBegin
INSERT INTO answer(key, tenant, token, request, sealed, at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (key) DO UPDATE
SET tenant = excluded.tenant, token = excluded.token, request = excluded.request, sealed = excluded.sealed, at = excluded.at
-- It has expired, or its server has ended.
WHERE answer.at < $7 OR length(answer.sealed) = 0 AND answer.at < $8;

-- name: AnswerGet
SELECT tenant, token, request, sealed, at
FROM answer
WHERE key = $1;

-- name: AnswerEnd
UPDATE answer
SET sealed = $3
WHERE key = $1 AND token = $2;

-- name: AnswerForget
DELETE FROM answer
WHERE key = $1 AND token = $2;

-- name: SecretPut
INSERT INTO installation(name, value)
VALUES ($1, $2)
ON CONFLICT DO NOTHING;

-- name: SecretGet
SELECT value
FROM installation
WHERE name = $1;
