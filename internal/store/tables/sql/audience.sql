-- Profiles, the audiences they are in, and where they stand at partners.

-- name: ProfileGet
SELECT id, body, created, updated, version
FROM profile
WHERE tenant = $1 AND id = $2;

-- name: ProfileList
SELECT id, body, created, updated, version
FROM profile
WHERE tenant = $1 AND id > $2
ORDER BY id
LIMIT $3;

-- name: ProfileMany
SELECT id, body, created, updated, version
FROM profile
WHERE tenant = $1 AND id = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)));

-- name: ProfileMany sqlite
SELECT id, body, created, updated, version
FROM profile
WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2));

-- name: ProfileInsert
-- Many rows come as one JSON array of arrays: a statement instead of hundreds.
INSERT INTO profile(tenant, id, body, created, updated, version)
SELECT $1::bigint, r->>0, r->>1, (r->>2)::bigint, (r->>3)::bigint, 1
FROM jsonb_array_elements($2::jsonb) AS r
ON CONFLICT DO NOTHING;

-- name: ProfileInsert sqlite
INSERT INTO profile(tenant, id, body, created, updated, version)
SELECT $1, r.value->>0, r.value->>1, r.value->>2, r.value->>3, 1
FROM json_each($2) AS r
WHERE true
ON CONFLICT DO NOTHING;

-- name: ProfileUpdate
UPDATE profile
SET body = r->>2, updated = (r->>3)::bigint, version = version + 1
FROM jsonb_array_elements($2::jsonb) AS r
WHERE tenant = $1 AND id = r->>0 AND version = (r->>1)::bigint;

-- name: ProfileUpdate sqlite
-- As an insertion: the planner would read the rows of JSON for each profile.
INSERT INTO profile(tenant, id, body, created, updated, version)
SELECT p.tenant, p.id, r.value->>2, p.created, r.value->>3, p.version + 1
FROM json_each($2) AS r
CROSS JOIN profile AS p ON p.tenant = $1 AND p.id = r.value->>0 AND p.version = r.value->>1
WHERE true
ON CONFLICT (tenant, id) DO UPDATE SET body = excluded.body, updated = excluded.updated, version = excluded.version;

-- name: ProfileDelete
DELETE FROM profile
WHERE tenant = $1 AND id = $2;

-- name: MemberOf
SELECT audience, profile, since
FROM member
WHERE tenant = $1 AND profile = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)))
ORDER BY profile, audience;

-- name: MemberOf sqlite
SELECT audience, profile, since
FROM member
WHERE tenant = $1 AND profile IN (SELECT value FROM json_each($2))
ORDER BY profile, audience;

-- name: MemberList
SELECT audience, profile, since
FROM member
WHERE tenant = $1 AND audience = $2 AND profile > $3
ORDER BY profile
LIMIT $4;

-- name: MemberCount
SELECT count(*)
FROM member
WHERE tenant = $1 AND audience = $2;

-- name: MemberPut
INSERT INTO member(tenant, audience, profile, since)
SELECT $1::bigint, (r->>0)::bigint, r->>1, (r->>2)::bigint
FROM jsonb_array_elements($2::jsonb) AS r
ON CONFLICT DO NOTHING;

-- name: MemberPut sqlite
INSERT INTO member(tenant, audience, profile, since)
SELECT $1, r.value->>0, r.value->>1, r.value->>2
FROM json_each($2) AS r
WHERE true
ON CONFLICT DO NOTHING;

-- name: MemberDelete
DELETE FROM member
USING jsonb_array_elements($2::jsonb) AS r
WHERE tenant = $1 AND audience = (r->>0)::bigint AND profile = r->>1;

-- name: MemberDelete sqlite
DELETE FROM member
WHERE rowid IN (
  SELECT m.rowid
  FROM json_each($2) AS r
  CROSS JOIN member AS m ON m.tenant = $1 AND m.audience = r.value->>0 AND m.profile = r.value->>1
);

-- name: MemberDeleteAll
DELETE FROM member
WHERE tenant = $1 AND profile = $2;

-- name: SyncOf
SELECT tenant, attachment, profile, entry, audience, state, turn, body, frozen, version
FROM sync
WHERE tenant = $1 AND profile = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb))) AND (entry = 0 OR turn > 0)
ORDER BY profile, attachment, entry;

-- name: SyncOf sqlite
SELECT tenant, attachment, profile, entry, audience, state, turn, body, frozen, version
FROM sync
WHERE tenant = $1 AND profile IN (SELECT value FROM json_each($2)) AND (entry = 0 OR turn > 0)
ORDER BY profile, attachment, entry;

-- name: SyncGet
SELECT tenant, attachment, profile, entry, audience, state, turn, body, frozen, version
FROM jsonb_array_elements($2::jsonb) AS r
JOIN sync ON tenant = $1 AND attachment = r->>0 AND profile = r->>1 AND entry = (r->>2)::bigint;

-- name: SyncGet sqlite
SELECT tenant, attachment, profile, entry, audience, state, turn, body, frozen, version
FROM json_each($2) AS r
CROSS JOIN sync ON tenant = $1 AND attachment = r.value->>0 AND profile = r.value->>1 AND entry = r.value->>2;

-- name: SyncList
SELECT tenant, attachment, profile, entry, audience, state, turn, body, frozen, version
FROM sync
WHERE tenant = $1 AND attachment = $2 AND (profile, entry) > ($3, $4) AND ($5 = '' OR state = $5)
ORDER BY profile, entry
LIMIT $6;

-- name: SyncCount
SELECT state, count(*)
FROM sync
WHERE tenant = $1 AND attachment = $2
GROUP BY state;

-- name: SyncPending
SELECT tenant, attachment, profile, entry, audience, state, turn, body, frozen, version
FROM sync
WHERE turn > 0 AND (tenant, attachment, profile, entry) > ($1, $2, $3, $4)
ORDER BY tenant, attachment, profile, entry
LIMIT $5;

-- name: SyncInsert
INSERT INTO sync(tenant, attachment, profile, entry, audience, state, turn, body, frozen, version)
SELECT $1::bigint, r->>0, r->>1, (r->>2)::bigint, (r->>3)::bigint, r->>4, (r->>5)::bigint, r->>6, convert_to(r->>7, 'UTF8'), 1
FROM jsonb_array_elements($2::jsonb) AS r
ON CONFLICT DO NOTHING;

-- name: SyncInsert sqlite
INSERT INTO sync(tenant, attachment, profile, entry, audience, state, turn, body, frozen, version)
SELECT $1, r.value->>0, r.value->>1, r.value->>2, r.value->>3, r.value->>4, r.value->>5, r.value->>6, CAST(r.value->>7 AS BLOB), 1
FROM json_each($2) AS r
WHERE true
ON CONFLICT DO NOTHING;

-- name: SyncUpdate
UPDATE sync
SET state = r->>4, turn = (r->>5)::bigint, body = r->>6, version = version + 1
FROM jsonb_array_elements($2::jsonb) AS r
WHERE tenant = $1 AND attachment = r->>0 AND profile = r->>1 AND entry = (r->>2)::bigint AND version = (r->>3)::bigint;

-- name: SyncUpdate sqlite
INSERT INTO sync(tenant, attachment, profile, entry, audience, state, turn, body, frozen, version)
SELECT s.tenant, s.attachment, s.profile, s.entry, s.audience, r.value->>4, r.value->>5, r.value->>6, NULL, s.version + 1
FROM json_each($2) AS r
CROSS JOIN sync AS s ON s.tenant = $1 AND s.attachment = r.value->>0 AND s.profile = r.value->>1 AND s.entry = r.value->>2 AND s.version = r.value->>3
WHERE true
ON CONFLICT (tenant, attachment, profile, entry) DO UPDATE SET state = excluded.state, turn = excluded.turn, body = excluded.body, version = excluded.version;

-- name: SyncDelete
DELETE FROM sync
USING jsonb_array_elements($2::jsonb) AS r
WHERE tenant = $1 AND attachment = r->>0 AND profile = r->>1 AND entry = (r->>2)::bigint AND version = (r->>3)::bigint;

-- name: SyncDelete sqlite
DELETE FROM sync
WHERE rowid IN (
  SELECT s.rowid
  FROM json_each($2) AS r
  CROSS JOIN sync AS s ON s.tenant = $1 AND s.attachment = r.value->>0 AND s.profile = r.value->>1 AND s.entry = r.value->>2 AND s.version = r.value->>3
);

-- name: SyncExpire
DELETE FROM sync
WHERE (tenant, attachment, profile, entry) IN (
  SELECT tenant, attachment, profile, entry FROM sync WHERE entry > 0 AND turn = 0 AND entry < $1 LIMIT $2
);

-- name: SyncDeleteAll
DELETE FROM sync
WHERE tenant = $1 AND profile = $2;

-- name: TaskInsert
INSERT INTO audience_task(tenant, id, audience, kind, state, body, created, updated, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)
ON CONFLICT DO NOTHING;

-- name: TaskUpdate
UPDATE audience_task
SET state = $4, body = $5, updated = $6, version = version + 1
WHERE tenant = $1 AND id = $2 AND version = $3;

-- name: TaskGet
SELECT tenant, id, audience, kind, state, body, created, updated, version
FROM audience_task
WHERE tenant = $1 AND id = $2;

-- name: TaskList
SELECT tenant, id, audience, kind, state, body, created, updated, version
FROM audience_task
WHERE tenant = $1 AND audience = $2
ORDER BY created DESC, id
LIMIT $3;

-- name: TaskRunning
SELECT tenant, id, audience, kind, state, body, created, updated, version
FROM audience_task
WHERE state = 'running'
ORDER BY created, id
LIMIT $1;

-- name: TaskExpire
DELETE FROM audience_task
WHERE state <> 'running' AND updated < $1;

-- name: ImportRowPut
INSERT INTO import_row(tenant, task, line, profile, body, error)
SELECT $1::bigint, r->>0, (r->>1)::bigint, r->>2, r->>3, r->>4
FROM jsonb_array_elements($2::jsonb) AS r
ON CONFLICT DO NOTHING;

-- name: ImportRowPut sqlite
INSERT INTO import_row(tenant, task, line, profile, body, error)
SELECT $1, r.value->>0, r.value->>1, r.value->>2, r.value->>3, r.value->>4
FROM json_each($2) AS r
WHERE true
ON CONFLICT DO NOTHING;

-- name: ImportRowList
SELECT line, profile, body, error
FROM import_row
WHERE tenant = $1 AND task = $2 AND line > $3 AND (error <> '') = $4
ORDER BY line
LIMIT $5;

-- name: ImportCount
SELECT
  (SELECT count(*) FROM import_row WHERE tenant = $1 AND task = $2),
  (SELECT count(*) FROM import_row WHERE tenant = $1 AND task = $2 AND error <> ''),
  (SELECT count(DISTINCT profile) FROM import_row WHERE tenant = $1 AND task = $2 AND error = ''),
  (SELECT count(DISTINCT i.profile)
   FROM import_row AS i
   JOIN member AS m ON m.tenant = i.tenant AND m.audience = $3 AND m.profile = i.profile
   WHERE i.tenant = $1 AND i.task = $2 AND i.error = ''),
  (SELECT count(*) FROM member WHERE tenant = $1 AND audience = $3);

-- name: ImportMissing
SELECT audience, profile, since
FROM member AS m
WHERE tenant = $1 AND audience = $3 AND profile > $4 AND NOT EXISTS (
  SELECT 1 FROM import_row AS i WHERE i.tenant = m.tenant AND i.task = $2 AND i.profile = m.profile AND i.error = ''
)
ORDER BY profile
LIMIT $5;

-- name: ImportRowDelete
DELETE FROM import_row
WHERE tenant = $1 AND task = $2 AND error = '' AND line IN (
  SELECT line FROM import_row WHERE tenant = $1 AND task = $2 AND error = '' LIMIT $3
);

-- name: ImportRowErase
DELETE FROM import_row
WHERE tenant = $1 AND profile = $2;

-- name: ImportRowExpire
DELETE FROM import_row
WHERE (tenant, task, line) IN (
  SELECT r.tenant, r.task, r.line
  FROM import_row AS r
  JOIN audience_task AS t ON t.tenant = r.tenant AND t.id = r.task
  WHERE t.state <> 'running' AND t.updated < $1
  LIMIT $2
);
