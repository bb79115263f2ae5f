-- Passkeys, and the challenges that they have answered.

-- name: PasskeyInsert
INSERT INTO passkey(id, person, name, party, credential, key, counter, flags, created, used)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)
ON CONFLICT DO NOTHING;

-- name: PasskeyCount
SELECT count(*)
FROM passkey
WHERE person = $1;

-- name: PasskeyList
SELECT id, person, name, party, credential, key, counter, flags, created, used
FROM passkey
WHERE person = $1
ORDER BY created, id;

-- name: PasskeyFind
SELECT id, person, name, party, credential, key, counter, flags, created, used
FROM passkey
WHERE credential = $1;

-- name: PasskeyRename
UPDATE passkey
SET name = $3
WHERE person = $1 AND id = $2;

-- name: PasskeyUse
-- Two uses of one counter at the same moment are one too many.
UPDATE passkey
SET counter = $4, flags = $5, used = $6
WHERE id = $1 AND person = $2 AND counter = $3;

-- name: PasskeyDelete
DELETE FROM passkey
WHERE person = $1 AND id = $2;

-- name: PasskeyDeleteAll
DELETE FROM passkey
WHERE person = $1;

-- name: ChallengeUse
INSERT INTO passkey_challenge(hash, expires)
VALUES ($1, $2)
ON CONFLICT DO NOTHING;

-- name: ChallengeCount
SELECT count(*)
FROM passkey_challenge
WHERE hash = $1;

-- name: ChallengeExpire
DELETE FROM passkey_challenge
WHERE hash IN (SELECT hash FROM passkey_challenge WHERE expires <= $1 LIMIT $2);
