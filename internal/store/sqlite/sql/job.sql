-- name: JobRunning
SELECT id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished
FROM job
WHERE state = 'running'
ORDER BY id;

-- name: JobProgress
UPDATE job
SET state = ?2, cursor = ?3, scanned = ?4, owed = ?5, error = ?6, finished = ?7
WHERE id = ?1 AND state = 'running';
