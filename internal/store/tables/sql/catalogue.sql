-- What tenants add to the catalogue of event types, or change in it.

-- name: CatalogueList
SELECT tenant, kind, name, version, body, created, updated
FROM catalogue
ORDER BY number;

-- name: CataloguePut
INSERT INTO catalogue(tenant, kind, name, version, body, created, updated)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant, kind, name, version) DO UPDATE SET body = $5, updated = $7;

-- name: CatalogueDelete
DELETE FROM catalogue
WHERE tenant = $1 AND kind = $2 AND name = $3 AND ($4 = '' OR version = $4);
