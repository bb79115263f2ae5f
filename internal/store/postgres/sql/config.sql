-- name: WebhooksBump
-- The row's lock lets one change after the other commit, so that who has read
-- up to a number has missed none below it.
UPDATE relay_meta
SET webhooks = webhooks + 1
RETURNING webhooks;

-- name: WebhooksThrough
SELECT webhooks
FROM relay_meta;

-- name: JobOrphans
-- The registrations that live no more and have jobs, as in OrphanIntakes.
SELECT DISTINCT fence
FROM job
WHERE state = 'running' AND NOT EXISTS (SELECT FROM node WHERE node.fence = job.fence);

-- name: JobsOf
SELECT id
FROM job
WHERE state = 'running' AND fence = ANY($1)
ORDER BY id
LIMIT 100;

-- name: JobGiveBack
UPDATE job
SET fence = 0
WHERE fence = $1 AND id = ANY($2);

-- name: JobClaim
UPDATE job
SET fence = $1
WHERE state = 'running' AND fence = ANY($2) AND id = ANY($3)
RETURNING id, tenant, webhook, kind, state, since, until, cursor, scanned, owed, error, created, finished;

-- name: JobProgress
UPDATE job
SET state = $3, cursor = $4, scanned = $5, owed = $6, error = $7, finished = $8
WHERE id = $1 AND fence = $2 AND state = 'running';

-- name: KeysRead
SELECT keys, key_check
FROM relay_meta;

-- name: KeysLock
SELECT keys, key_check
FROM relay_meta
FOR UPDATE;

-- name: KeysSet
UPDATE relay_meta
SET keys = $1, key_check = $2;

-- name: RevisionBump
INSERT INTO revision(kind, n)
VALUES ($1, 1)
ON CONFLICT (kind) DO UPDATE SET n = revision.n + 1;

-- name: RevisionBumpAll
-- For servers from before there was a revision of each kind.
UPDATE relay_meta
SET revision = revision + 1;
