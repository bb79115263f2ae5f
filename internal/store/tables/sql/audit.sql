-- name: AuditAppend
INSERT INTO audit(tenant, at, actor, actor_name, action, target, before, after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: AuditList
SELECT id, at, actor, actor_name, action, target, before, after
FROM audit
WHERE tenant = $1 AND id < $2 AND ($3 = '' OR action = $3) AND at >= $4 AND at < $5
ORDER BY id DESC
LIMIT $6;
