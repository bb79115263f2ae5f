-- name: AnswerExpire
DELETE FROM answer
WHERE key IN (SELECT key FROM answer WHERE at < $1 LIMIT 100 FOR UPDATE SKIP LOCKED);

-- name: AnswerBegin
INSERT INTO answer(key, tenant, token, request, sealed, at)
VALUES ($1, $2, $3, $4, '', $5)
ON CONFLICT (key) DO UPDATE
SET tenant = excluded.tenant, token = excluded.token, request = excluded.request, sealed = '', at = excluded.at
-- It has expired, or its server has ended.
WHERE answer.at < $6 OR answer.sealed = '' AND answer.at < $7;

-- name: AnswerGet
SELECT tenant, token, request, sealed, at FROM answer WHERE key = $1;

-- name: AnswerEnd
UPDATE answer SET sealed = $3 WHERE key = $1 AND token = $2;

-- name: AnswerForget
DELETE FROM answer WHERE key = $1 AND token = $2;

-- name: SecretPut
INSERT INTO installation(name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: SecretGet
SELECT value FROM installation WHERE name = $1;
