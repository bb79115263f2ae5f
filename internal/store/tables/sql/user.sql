-- People who sign in, what they are in tenants, their sessions and links.

-- name: PersonEnsure
-- Where there is a person, the row is written as it is: on PostgreSQL, changes of one person follow each other by that.
INSERT INTO person(id, email, password, created)
VALUES ($1, $2, '', $3)
ON CONFLICT (email) DO UPDATE SET created = person.created
RETURNING id;

-- name: PersonLockID
UPDATE person
SET created = created
WHERE id = $1;

-- name: PersonFind
SELECT id, email, password,
  (SELECT count(*) FROM second_factor f WHERE f.person = person.id AND f.confirmed > 0)
FROM person
WHERE email = $1;

-- name: PersonGet
SELECT id, email, password,
  (SELECT count(*) FROM second_factor f WHERE f.person = person.id AND f.confirmed > 0)
FROM person
WHERE id = $1;

-- name: PersonPassword
UPDATE person
SET password = $3
WHERE id = $1 AND password = $2;

-- name: PersonDelete
DELETE FROM person
WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM tenant_user WHERE person = $1);

-- name: UserInsert
INSERT INTO tenant_user(person, tenant, email, name, role, state, created, seen, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)
ON CONFLICT DO NOTHING;

-- name: UserCount
SELECT count(*)
FROM tenant_user
WHERE tenant = $1;

-- name: UserList
SELECT person, tenant, email, name, role, state, created, seen, version, provider,
  (SELECT count(*) FROM second_factor f WHERE f.person = tenant_user.person AND f.confirmed > 0)
FROM tenant_user
WHERE tenant = $1 AND email > $2 AND ($3 = '' OR role = $3) AND ($4 = '' OR state = $4) AND ($5 = '' OR email = $5)
ORDER BY email
LIMIT $6;

-- name: UserGet
SELECT person, tenant, email, name, role, state, created, seen, version, provider,
  (SELECT count(*) FROM second_factor f WHERE f.person = tenant_user.person AND f.confirmed > 0)
FROM tenant_user
WHERE person = $1 AND tenant = $2;

-- name: UserOfPerson
SELECT person, tenant, email, name, role, state, created, seen, version, provider,
  (SELECT count(*) FROM second_factor f WHERE f.person = tenant_user.person AND f.confirmed > 0)
FROM tenant_user
WHERE person = $1
ORDER BY created, tenant;

-- name: UserUpdate
UPDATE tenant_user
SET name = $4, role = $5, state = $6, version = version + 1
WHERE person = $1 AND tenant = $2 AND version = $3;

-- name: UserExists
SELECT count(*)
FROM tenant_user
WHERE person = $1 AND tenant = $2;

-- name: UserAccept
UPDATE tenant_user
SET state = 'active', name = CASE WHEN $3 = '' THEN name ELSE $3 END, version = version + 1
WHERE person = $1 AND tenant = $2 AND state = 'invited';

-- name: UserInvited
SELECT count(*)
FROM tenant_user
WHERE person = $1 AND tenant = $2 AND state = 'invited';

-- name: UserSeen
UPDATE tenant_user
SET seen = $3
WHERE person = $1 AND tenant = $2;

-- name: UserDelete
DELETE FROM tenant_user
WHERE person = $1 AND tenant = $2;

-- name: LinkPut
INSERT INTO login_link(hash, kind, person, tenant, created, expires)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (person, kind, tenant) DO UPDATE SET hash = $1, created = $5, expires = $6;

-- name: LinkGet
SELECT hash, kind, person, tenant, created, expires
FROM login_link
WHERE hash = $1;

-- name: LinkDelete
DELETE FROM login_link
WHERE hash = $1;

-- name: LinkDeleteInvitation
DELETE FROM login_link
WHERE person = $1 AND kind = 'invitation' AND tenant = $2;

-- name: LinkDeleteLogin
DELETE FROM login_link
WHERE person = $1 AND kind = 'login';

-- name: LinkDeleteAll
DELETE FROM login_link
WHERE person = $1;

-- name: LinkExpire
DELETE FROM login_link
WHERE hash IN (SELECT hash FROM login_link WHERE expires <= $1 LIMIT $2);

-- name: SessionInsert
INSERT INTO session(id, hash, person, created, seen, expires, address, agent, method, provider, sid, proved)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: SessionTrim
DELETE FROM session
WHERE id IN (
  SELECT id
  FROM session
  WHERE person = $1
  ORDER BY created DESC, id
  LIMIT 1000000 OFFSET $2);

-- name: SessionFind
-- A row for each of the person's users; a single one without a user if they have none.
SELECT s.id, s.hash, s.person, s.created, s.seen, s.expires, s.address, s.agent, s.method, s.provider, s.sid, s.proved, p.email, p.password,
  (SELECT count(*) FROM second_factor f WHERE f.person = p.id AND f.confirmed > 0),
  coalesce(u.tenant, -1), coalesce(u.name, ''), coalesce(u.role, ''), coalesce(u.state, ''), coalesce(u.created, 0), coalesce(u.seen, 0),
  coalesce(u.version, 0), coalesce(u.provider, '')
FROM session s
JOIN person p ON p.id = s.person
LEFT JOIN tenant_user u ON u.person = s.person AND ($2 < 0 OR u.tenant = $2 OR u.tenant = 0)
WHERE s.hash = $1
ORDER BY u.created, u.tenant;

-- name: SessionTouch
UPDATE session
SET seen = $2
WHERE id = $1 AND seen < $2;

-- name: SessionProve
UPDATE session
SET proved = $3
WHERE person = $1 AND id = $2;

-- name: SessionList
SELECT id, hash, person, created, seen, expires, address, agent, method, provider, sid, proved
FROM session
WHERE person = $1
ORDER BY seen DESC, id;

-- name: SessionDelete
DELETE FROM session
WHERE person = $1 AND id = $2;

-- name: SessionDeleteOthers
DELETE FROM session
WHERE person = $1 AND id <> $2;

-- name: SessionExpire
DELETE FROM session
WHERE id IN (SELECT id FROM session WHERE seen <= $1 OR expires <= $2 LIMIT $3);
