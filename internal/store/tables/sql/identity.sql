-- People as identity providers know them.

-- name: IdentityGet
SELECT issuer, subject, person, provider, created, seen
FROM identity
WHERE issuer = $1 AND subject = $2;

-- name: IdentityOfPerson
SELECT issuer, subject, person, provider, created, seen
FROM identity
WHERE person = $1
ORDER BY created, issuer;

-- name: IdentityInsert
INSERT INTO identity(issuer, subject, person, provider, created, seen)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: IdentitySeen
UPDATE identity
SET seen = $4
WHERE issuer = $1 AND subject = $2 AND person = $3;

-- name: IdentityDeleteAll
DELETE FROM identity
WHERE person = $1;

-- name: UserPlace
INSERT INTO tenant_user(person, tenant, email, name, role, state, created, seen, version, provider)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 1, $8)
ON CONFLICT DO NOTHING;

-- name: UserReplace
UPDATE tenant_user
SET role = $4, state = $5, provider = $6, version = version + 1
WHERE person = $1 AND tenant = $2 AND version = $3;

-- name: UserWithdraw
DELETE FROM tenant_user
WHERE person = $1 AND tenant = $2 AND version = $3;

-- name: SessionDeleteProvided
-- By the provider's id of its session, of the person, or by one of them if the other is empty.
DELETE FROM session
WHERE provider = $1 AND ($2 = '' OR sid = $2) AND ($3 = '' OR person = $3);

-- name: SessionProvided
SELECT DISTINCT person
FROM session
WHERE provider = $1 AND sid = $2;
