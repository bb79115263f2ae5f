-- name: AuditAppend
INSERT INTO audit(tenant, at, actor, actor_name, action, target, before, after)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: AuditList
SELECT id, at, actor, actor_name, action, target, before, after
FROM audit
WHERE tenant = ?1 AND id < ?2 AND (?3 = '' OR action = ?3) AND at >= ?4 AND at < ?5
ORDER BY id DESC
LIMIT ?6;
