-- Links into the portals of tenants, and the sessions begun by them.

-- name: PortalLinkInsert
INSERT INTO portal_link(id, hash, tenant, session, body, created, expires, opens)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0);

-- name: PortalLinkCount
SELECT count(*)
FROM portal_link
WHERE tenant = $1 AND expires > $2;

-- name: PortalLinkList
SELECT id, hash, tenant, session, body, created, expires, opens
FROM portal_link
WHERE tenant = $1 AND id > $2 AND ($3 = '' OR session = $3) AND expires > $4
ORDER BY id
LIMIT $5;

-- name: PortalLinkFind
SELECT id, hash, tenant, session, body, created, expires, opens
FROM portal_link
WHERE hash = $1;

-- name: PortalLinkOpen
UPDATE portal_link
SET opens = opens + 1
WHERE id = $1 AND tenant = $2 AND expires > $3 AND opens < $4;

-- name: PortalSessionInsert
INSERT INTO portal_session(id, hash, tenant, link, session, body, created, expires)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: PortalSessionFind
SELECT id, hash, tenant, link, session, body, created, expires
FROM portal_session
WHERE hash = $1;

-- name: PortalLinkEnd
DELETE FROM portal_link
WHERE tenant = $1 AND ($2 <> '' AND id = $2 OR $2 = '' AND session = $3);

-- name: PortalSessionEnd
DELETE FROM portal_session
WHERE tenant = $1 AND ($2 <> '' AND link = $2 OR $2 = '' AND session = $3);

-- name: PortalLinkExpire
DELETE FROM portal_link
WHERE id IN (SELECT id FROM portal_link WHERE expires <= $1 LIMIT $2);

-- name: PortalSessionExpire
DELETE FROM portal_session
WHERE id IN (SELECT id FROM portal_session WHERE expires <= $1 LIMIT $2);
