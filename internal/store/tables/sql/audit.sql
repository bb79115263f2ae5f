-- The audit log. On SQLite there is one table in each file, for what the file holds.

-- name: AuditAppend
INSERT INTO audit(id, tenant, at, actor_kind, actor, actor_name, action, target, targets, before, after, request, address, agent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: AuditList
SELECT id, at, actor_kind, actor, actor_name, action, target, targets, before, after, request, address, agent
FROM audit
WHERE tenant = $1 AND id < $2
  AND ($3 = '' OR action = $3 OR substr(action, 1, length($4)) = $4 AND $4 <> '')
  AND ($5 = '' OR actor = $5) AND ($6 = '' OR target = $6)
  AND at >= $7 AND at < $8
ORDER BY id DESC
LIMIT $9;

-- name: AuditLast
SELECT coalesce(max(id), 0)
FROM audit;
