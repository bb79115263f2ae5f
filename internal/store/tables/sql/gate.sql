-- Campaigns, respondents and the settings of gates.

-- name: RespondentInsert
INSERT INTO respondent(id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT (tenant, once) WHERE once IS NOT NULL DO NOTHING;

-- name: RespondentInsert sqlite
-- Idempotency keys are TEXT there, and may hold any bytes.
INSERT INTO respondent(id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, CAST($15 AS TEXT), $16, $17, $18)
ON CONFLICT (tenant, once) WHERE once IS NOT NULL DO NOTHING;

-- name: RespondentOnce
SELECT id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided
FROM respondent
WHERE tenant = $1 AND once = $2;

-- name: RespondentOnce sqlite
SELECT id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided
FROM respondent
WHERE tenant = $1 AND once = CAST($2 AS TEXT);

-- name: RespondentMove
UPDATE respondent
SET state = $5, round = round + $6, reason = $7, decided = $8
WHERE id = $1 AND tenant = $2 AND state = $3 AND round = $4
RETURNING campaign;

-- name: RespondentChange
UPDATE respondent
SET campaign = $3, dnc = $4, email = $5, phone = $6, search = $7, payload = $8, warnings = $9
WHERE id = $1 AND tenant = $2;

-- name: RespondentGet
SELECT id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided
FROM respondent
WHERE id = $1 AND tenant = $2;

-- name: RespondentBound
-- Where the rows that a page looks at begin; the index alone answers.
SELECT id
FROM respondent
WHERE tenant = $1 AND state = $2 AND id < $3
ORDER BY id DESC
LIMIT 1 OFFSET $4;

-- name: RespondentBoundCampaign
SELECT id
FROM respondent
WHERE tenant = $1 AND state = $2 AND id < $3 AND campaign = $5
ORDER BY id DESC
LIMIT 1 OFFSET $4;

-- name: RespondentPage
SELECT id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided
FROM respondent
WHERE tenant = $1 AND state = $2 AND id < $3 AND id >= $4
  AND created >= $5 AND created < $6
  AND ($7 = '' OR source = $7) AND (NOT $8 OR source = '')
  AND ($9 = '' OR email = $9) AND ($10 = '' OR phone = $10)
  AND ($11 = '' OR strpos(search, $11) > 0)
  AND (CAST($12 AS boolean) IS NULL OR dnc = $12)
ORDER BY id DESC
LIMIT $13;

-- name: RespondentPageCampaign
SELECT id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided
FROM respondent
WHERE tenant = $1 AND state = $2 AND id < $3 AND id >= $4
  AND created >= $5 AND created < $6
  AND ($7 = '' OR source = $7) AND (NOT $8 OR source = '')
  AND ($9 = '' OR email = $9) AND ($10 = '' OR phone = $10)
  AND ($11 = '' OR strpos(search, $11) > 0)
  AND (CAST($12 AS boolean) IS NULL OR dnc = $12)
  AND campaign = $14
ORDER BY id DESC
LIMIT $13;

-- name: RespondentPending
SELECT id, tenant, campaign, source, state, round, created
FROM respondent
WHERE state = 1 AND id > $1
ORDER BY id
LIMIT $2;

-- name: RespondentCount
SELECT count(*)
FROM (SELECT 1 FROM respondent WHERE tenant = $1 AND state = $2 LIMIT 10000) some_rows;

-- name: RespondentErase
DELETE FROM respondent
WHERE id = $1 AND tenant = $2;

-- name: RespondentEraseEmail
DELETE FROM respondent
WHERE tenant = $1 AND email = $2 AND email <> '';

-- name: RespondentErasePhone
DELETE FROM respondent
WHERE tenant = $1 AND phone = $2 AND phone <> '';

-- name: RespondentExpire
DELETE FROM respondent
WHERE id IN (
  SELECT id
  FROM respondent
  WHERE state IN (3, 5, 6) AND decided < $1
  LIMIT $2);

-- name: RespondentLast
SELECT coalesce(max(id), 0)
FROM respondent;

-- name: CampaignCreate
INSERT INTO campaign(tenant, id, name, created, updated)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING;

-- name: CampaignUpdate
UPDATE campaign
SET name = $3, updated = $4
WHERE tenant = $1 AND id = $2;

-- name: CampaignList
SELECT c.id, c.name, c.created, c.updated,
  (SELECT count(*) FROM respondent r WHERE r.tenant = c.tenant AND r.campaign = c.id AND r.state = 2)
FROM campaign c
WHERE c.tenant = $1 AND c.id > $2
ORDER BY c.id
LIMIT $3;

-- name: CampaignGet
SELECT c.id, c.name, c.created, c.updated,
  (SELECT count(*) FROM respondent r WHERE r.tenant = c.tenant AND r.campaign = c.id AND r.state = 2)
FROM campaign c
WHERE c.tenant = $1 AND c.id = $2;

-- name: CampaignRespondentsDelete
DELETE FROM respondent
WHERE id IN (
  SELECT id
  FROM respondent
  WHERE tenant = $1 AND campaign = $2
  LIMIT $3);

-- name: CampaignDelete
DELETE FROM campaign
WHERE tenant = $1 AND id = $2;

-- name: GateList
SELECT tenant, settings
FROM gate;

-- name: GatePut
INSERT INTO gate(tenant, settings)
VALUES ($1, $2)
ON CONFLICT (tenant) DO UPDATE SET settings = $2;
