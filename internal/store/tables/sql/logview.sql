-- Filters of the log under names.

-- name: LogViewList
SELECT tenant, id, owner, name, filter, author, created
FROM log_view
WHERE tenant = $1 AND (owner = '' OR owner = $2)
ORDER BY name, id;

-- name: LogViewCount
SELECT count(*)
FROM log_view
WHERE tenant = $1 AND owner = $2;

-- name: LogViewInsert
INSERT INTO log_view(tenant, id, owner, name, filter, author, created)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- name: LogViewDelete
DELETE FROM log_view
WHERE tenant = $1 AND id = $2;

-- name: LogViewDeleteOf
-- An operator, whose tenant is 0, has views in any tenant.
DELETE FROM log_view
WHERE owner = $1 AND ($2 = 0 OR tenant = $2);
