-- name: JobPut
INSERT OR REPLACE INTO job(id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: JobGet
SELECT id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished
FROM job
WHERE id = ?1 AND tenant = ?2;

-- name: JobList
SELECT id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished
FROM job
WHERE ?1 = 0 OR tenant = ?1
ORDER BY created DESC, id DESC
LIMIT 250;
