-- Jobs. Claims of jobs, and what only their claimant may store, are native to each store.

-- name: JobPut
INSERT INTO job(id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (id) DO UPDATE SET tenant = $2, webhook = $3, kind = $4, state = $5, since = $6, until = $7,
  cursor = $8, scanned = $9, owed = $10, error = $11, created = $12, finished = $13;

-- name: JobGet
SELECT id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished
FROM job
WHERE id = $1 AND tenant = $2;

-- name: JobList
SELECT id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished
FROM job
WHERE $1 = 0 OR tenant = $1
ORDER BY created DESC, id DESC
LIMIT 250;

-- name: JobCancel
UPDATE job
SET state = 'canceled', finished = $3
WHERE id = $1 AND tenant = $2 AND state = 'running';

-- name: JobsRunning
SELECT id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished
FROM job
WHERE state = 'running'
ORDER BY id;

-- name: JobStore
UPDATE job
SET state = $2, cursor = $3, scanned = $4, owed = $5, error = $6, finished = $7
WHERE id = $1 AND state = 'running';
