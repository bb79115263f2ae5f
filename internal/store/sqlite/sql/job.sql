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

-- name: JobRunning
SELECT id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished
FROM job
WHERE state = 'running'
ORDER BY id;

-- name: JobProgress
UPDATE job
SET state = ?2, cursor = ?3, scanned = ?4, owed = ?5, error = ?6, finished = ?7
WHERE id = ?1 AND state = 'running';

-- name: JobCancel
UPDATE job
SET state = 'canceled', finished = ?3
WHERE id = ?1 AND tenant = ?2 AND state = 'running';
