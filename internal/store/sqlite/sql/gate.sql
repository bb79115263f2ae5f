-- name: RespondentInsert
INSERT INTO respondent(id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: RespondentOnce
SELECT id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided
FROM respondent
WHERE tenant = ? AND once = ?;

-- name: RespondentGet
SELECT id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided
FROM respondent
WHERE id = ? AND tenant = ?;

-- name: RespondentMove
UPDATE respondent
SET state = ?5, round = round + ?6, reason = ?7, decided = ?8
WHERE id = ?1 AND tenant = ?2 AND state = ?3 AND round = ?4
RETURNING campaign;

-- name: RespondentChange
UPDATE respondent
SET campaign = ?3, dnc = ?4, email = ?5, phone = ?6, search = ?7, payload = ?8, warnings = ?9
WHERE id = ?1 AND tenant = ?2;

-- name: RespondentBound
-- Where the rows that a page looks at begin; the index alone answers.
SELECT id
FROM respondent
WHERE tenant = ? AND state = ? AND id < ?
ORDER BY id DESC
LIMIT 1 OFFSET ?;

-- name: RespondentBoundCampaign
SELECT id
FROM respondent
WHERE tenant = ? AND state = ? AND id < ? AND campaign = ?5
ORDER BY id DESC
LIMIT 1 OFFSET ?4;

-- name: RespondentPage
SELECT id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided
FROM respondent INDEXED BY respondent_by_state
WHERE tenant = ?1 AND state = ?2 AND id < ?3 AND id >= ?4
  AND created >= ?5 AND created < ?6
  AND (?7 = '' OR source = ?7) AND (?8 = 0 OR source = '')
  AND (?9 = '' OR email = ?9) AND (?10 = '' OR phone = ?10)
  AND (?11 = '' OR instr(search, ?11) > 0)
  AND (?12 < 0 OR dnc = ?12)
ORDER BY id DESC
LIMIT ?13;

-- name: RespondentPageCampaign
SELECT id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided
FROM respondent INDEXED BY respondent_by_campaign
WHERE tenant = ?1 AND state = ?2 AND id < ?3 AND id >= ?4
  AND created >= ?5 AND created < ?6
  AND (?7 = '' OR source = ?7) AND (?8 = 0 OR source = '')
  AND (?9 = '' OR email = ?9) AND (?10 = '' OR phone = ?10)
  AND (?11 = '' OR instr(search, ?11) > 0)
  AND (?12 < 0 OR dnc = ?12)
  AND campaign = ?14
ORDER BY id DESC
LIMIT ?13;

-- name: RespondentPending
SELECT id, tenant, campaign, source, state, round, created
FROM respondent
WHERE state = 1 AND id > ?
ORDER BY id
LIMIT ?;

-- name: RespondentCount
SELECT count(*)
FROM (SELECT 1 FROM respondent WHERE tenant = ? AND state = ? LIMIT 10000);

-- name: RespondentErase
DELETE FROM respondent
WHERE id = ? AND tenant = ?;

-- name: RespondentEraseEmail
DELETE FROM respondent
WHERE tenant = ?1 AND email = ?2 AND email <> '';

-- name: RespondentErasePhone
DELETE FROM respondent
WHERE tenant = ?1 AND phone = ?2 AND phone <> '';

-- name: RespondentExpire
DELETE FROM respondent
WHERE id IN (
  SELECT id
  FROM respondent
  WHERE state IN (3, 5, 6) AND decided < ?
  LIMIT ?);

-- name: RespondentLast
SELECT coalesce(max(id), 0)
FROM respondent;

-- name: CampaignCreate
INSERT INTO campaign(tenant, id, name, created, updated)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: CampaignUpdate
UPDATE campaign
SET name = ?3, updated = ?4
WHERE tenant = ?1 AND id = ?2;

-- name: CampaignList
SELECT c.id, c.name, c.created, c.updated,
  (SELECT count(*) FROM respondent r WHERE r.tenant = c.tenant AND r.campaign = c.id AND r.state = 2)
FROM campaign c
WHERE c.tenant = ? AND c.id > ?
ORDER BY c.id
LIMIT ?;

-- name: CampaignGet
SELECT c.id, c.name, c.created, c.updated,
  (SELECT count(*) FROM respondent r WHERE r.tenant = c.tenant AND r.campaign = c.id AND r.state = 2)
FROM campaign c
WHERE c.tenant = ? AND c.id = ?;

-- name: CampaignRespondentsDelete
DELETE FROM respondent
WHERE id IN (
  SELECT id
  FROM respondent
  WHERE tenant = ? AND campaign = ?
  LIMIT ?);

-- name: CampaignDelete
DELETE FROM campaign
WHERE tenant = ? AND id = ?;

-- name: GateList
SELECT tenant, settings
FROM gate;

-- name: GatePut
INSERT INTO gate(tenant, settings)
VALUES (?1, ?2)
ON CONFLICT (tenant) DO UPDATE SET settings = ?2;
