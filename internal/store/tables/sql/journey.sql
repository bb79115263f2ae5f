-- Profiles in journeys: see package journey.

-- name: EnrolmentInsert
INSERT INTO enrolment(tenant, id, journey, version, profile, key, entry, state, step, due, claimed, body, keep, ended, created, updated, rev)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13, $14, $15, 1)
ON CONFLICT DO NOTHING;

-- name: EnrolmentUpdate
UPDATE enrolment
SET version = $4, state = $5, step = $6, due = $7, claimed = 0, body = $8, keep = $9, ended = $10, updated = $11, rev = rev + 1
WHERE tenant = $1 AND id = $2 AND rev = $3;

-- name: JourneyClaim
-- The rows of a page are claimed and read at once. Others may be claiming: their rows are passed over.
UPDATE enrolment
SET claimed = $2, rev = rev + 1
WHERE (tenant, id) IN (
  SELECT tenant, id FROM enrolment
  WHERE due > 0 AND due <= $1 AND claimed < $1
  ORDER BY due, id
  LIMIT $3
  FOR UPDATE SKIP LOCKED
)
RETURNING tenant, id, journey, version, profile, key, entry, state, step, due, body, keep, ended, created, updated, rev;

-- name: JourneyClaim sqlite
UPDATE enrolment
SET claimed = $2, rev = rev + 1
WHERE (tenant, id) IN (
  SELECT tenant, id FROM enrolment
  WHERE due > 0 AND due <= $1 AND claimed < $1
  ORDER BY due, id
  LIMIT $3
)
RETURNING tenant, id, journey, version, profile, key, entry, state, step, due, body, keep, ended, created, updated, rev;

-- name: JourneyRelease
UPDATE enrolment
SET claimed = 0
WHERE due > 0 AND due <= $1 AND claimed > 0;

-- name: JourneyNext
SELECT due FROM enrolment
WHERE due > 0 AND claimed < $1
ORDER BY due, id
LIMIT 1;

-- name: JourneyHeld
SELECT DISTINCT tenant, journey FROM enrolment
WHERE due < 0
LIMIT $1;

-- name: JourneyResume
UPDATE enrolment
SET due = -due, claimed = 0, rev = rev + 1
WHERE (tenant, id) IN (
  SELECT tenant, id FROM enrolment WHERE tenant = $1 AND journey = $2 AND due < 0 LIMIT $3
);

-- name: EnrolmentGet
SELECT tenant, id, journey, version, profile, key, entry, state, step, due, body, keep, ended, created, updated, rev
FROM enrolment
WHERE tenant = $1 AND id = $2;

-- name: EnrolmentList
SELECT tenant, id, journey, version, profile, key, entry, state, step, due, body, keep, ended, created, updated, rev
FROM enrolment
WHERE tenant = $1 AND journey = $2 AND ($3 = '' OR id < $3) AND ($4 = '' OR state = $4) AND ($5 = '' OR step = $5)
  AND (version = $6 OR $6 = 0) AND ($7 = '' OR profile = $7)
ORDER BY id DESC
LIMIT $8;

-- name: EnrolmentsOf
SELECT tenant, id, journey, version, profile, key, entry, state, step, due, body, keep, ended, created, updated, rev
FROM enrolment
WHERE tenant = $1 AND profile = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb))) AND ended = 0
ORDER BY id;

-- name: EnrolmentsOf sqlite
SELECT tenant, id, journey, version, profile, key, entry, state, step, due, body, keep, ended, created, updated, rev
FROM enrolment
WHERE tenant = $1 AND profile IN (SELECT value FROM json_each($2)) AND ended = 0
ORDER BY id;

-- name: EnrolmentLast
SELECT
  coalesce(max(CASE WHEN key = $4 THEN created ELSE 0 END), 0),
  coalesce(sum(CASE WHEN key = $4 AND ended = 0 THEN 1 ELSE 0 END), 0),
  coalesce(sum(CASE WHEN ended = 0 THEN 1 ELSE 0 END), 0)
FROM enrolment
WHERE tenant = $1 AND journey = $2 AND profile = $3;

-- name: EnrolmentPlaces
SELECT version, step, state, count(*)
FROM enrolment
WHERE tenant = $1 AND journey = $2 AND ended = 0
GROUP BY version, step, state
ORDER BY version, step, state;

-- name: EnrolmentEnded
SELECT state, count(*)
FROM enrolment
WHERE tenant = $1 AND journey = $2 AND ended > 0
GROUP BY state;

-- name: TraceInsert
INSERT INTO journey_trace(tenant, enrolment, n, profile, at, step, kind, words)
SELECT $1::bigint, r->>0, (r->>1)::bigint, r->>2, (r->>3)::bigint, r->>4, r->>5, r->>6
FROM jsonb_array_elements($2::jsonb) AS r
ON CONFLICT DO NOTHING;

-- name: TraceInsert sqlite
INSERT INTO journey_trace(tenant, enrolment, n, profile, at, step, kind, words)
SELECT $1, r.value->>0, r.value->>1, r.value->>2, r.value->>3, r.value->>4, r.value->>5, r.value->>6
FROM json_each($2) AS r
WHERE true
ON CONFLICT DO NOTHING;

-- name: TraceList
SELECT at, step, kind, words
FROM journey_trace
WHERE tenant = $1 AND enrolment = $2
ORDER BY n;

-- name: SendInsert
INSERT INTO journey_send(tenant, id, enrolment, journey, version, profile, step, connection, operation, state, payload, words, at)
SELECT $1::bigint, r->>0, r->>1, (r->>2)::bigint, (r->>3)::bigint, r->>4, r->>5, r->>6, r->>7, r->>8, convert_to(r->>9, 'UTF8'), r->>10, (r->>11)::bigint
FROM jsonb_array_elements($2::jsonb) AS r
ON CONFLICT DO NOTHING;

-- name: SendInsert sqlite
INSERT INTO journey_send(tenant, id, enrolment, journey, version, profile, step, connection, operation, state, payload, words, at)
SELECT $1, r.value->>0, r.value->>1, r.value->>2, r.value->>3, r.value->>4, r.value->>5, r.value->>6, r.value->>7, r.value->>8, CAST(r.value->>9 AS BLOB), r.value->>10, r.value->>11
FROM json_each($2) AS r
WHERE true
ON CONFLICT DO NOTHING;

-- name: SendCancel
UPDATE journey_send
SET state = 'canceled', words = $3
WHERE tenant = $1 AND enrolment = $2 AND state IN ('new', 'pending');

-- name: SendList
SELECT tenant, id, enrolment, journey, version, profile, step, connection, operation, state, payload, words, at, event
FROM journey_send
WHERE tenant = $1 AND enrolment = $2
ORDER BY at, id;

-- name: SendGet
SELECT tenant, id, enrolment, journey, version, profile, step, connection, operation, state, payload, words, at, event
FROM journey_send
WHERE tenant = $1 AND id = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)));

-- name: SendGet sqlite
SELECT tenant, id, enrolment, journey, version, profile, step, connection, operation, state, payload, words, at, event
FROM journey_send
WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2));

-- name: SendCount
SELECT count(*)
FROM journey_send
WHERE tenant = $1 AND profile = $3 AND journey = $2 AND at > $4 AND state IN ('new', 'pending', 'sending', 'delivered');

-- name: SendNewList
SELECT tenant, id, enrolment, journey, version, profile, step, connection, operation, state, payload, words, at, event
FROM journey_send
WHERE state = 'new' AND at <= $1
ORDER BY at
LIMIT $2;

-- name: SendHanded
-- The request may have begun by now.
UPDATE journey_send
SET state = CASE state WHEN 'new' THEN 'pending' ELSE state END, event = (r->>1)::bigint
FROM jsonb_array_elements($2::jsonb) AS r
WHERE tenant = $1 AND id = r->>0;

-- name: SendHanded sqlite
UPDATE journey_send
SET state = CASE state WHEN 'new' THEN 'pending' ELSE state END, event = r.value->>1
FROM json_each($2) AS r
WHERE journey_send.tenant = $1 AND journey_send.id = r.value->>0;

-- name: SendBegin
UPDATE journey_send
SET state = 'sending'
WHERE tenant = $1 AND id = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb))) AND state IN ('new', 'pending', 'sending')
RETURNING id;

-- name: SendBegin sqlite
UPDATE journey_send
SET state = 'sending'
WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2)) AND state IN ('new', 'pending', 'sending')
RETURNING id;

-- name: SendEnd
UPDATE journey_send
SET state = $3, words = $4
WHERE tenant = $1 AND id = $2 AND state IN ('new', 'pending', 'sending')
RETURNING enrolment, step;

-- name: SendWake
UPDATE enrolment
SET due = CASE WHEN due < 0 THEN -CAST($4 AS bigint) ELSE CAST($4 AS bigint) END, claimed = 0, rev = rev + 1
WHERE tenant = $1 AND id = $2 AND step = $3 AND state = 'waiting' AND ended = 0;

-- name: CrossingJoin
-- Only those who were not there yet have crossed.
WITH joined AS (
  INSERT INTO member(tenant, audience, profile, since)
  SELECT $1::bigint, (r->>0)::bigint, r->>1, (r->>2)::bigint
  FROM jsonb_array_elements($2::jsonb) AS r
  ON CONFLICT DO NOTHING
  RETURNING audience, profile
)
INSERT INTO crossing(tenant, id, audience, profile, entered, at)
SELECT $1::bigint, (r->>3)::bigint, j.audience, j.profile, 1, (r->>2)::bigint
FROM joined AS j
JOIN jsonb_array_elements($2::jsonb) AS r ON (r->>0)::bigint = j.audience AND r->>1 = j.profile;

-- name: CrossingJoin sqlite
-- The members themselves follow in the same transaction, which is alone.
INSERT INTO crossing(tenant, id, audience, profile, entered, at)
SELECT $1, r.value->>3, r.value->>0, r.value->>1, 1, r.value->>2
FROM json_each($2) AS r
WHERE NOT EXISTS (SELECT 1 FROM member AS m WHERE m.tenant = $1 AND m.audience = r.value->>0 AND m.profile = r.value->>1);

-- name: CrossingLeave
WITH gone AS (
  DELETE FROM member
  USING jsonb_array_elements($2::jsonb) AS r
  WHERE tenant = $1 AND audience = (r->>0)::bigint AND profile = r->>1
  RETURNING audience, profile
)
INSERT INTO crossing(tenant, id, audience, profile, entered, at)
SELECT $1::bigint, (r->>3)::bigint, g.audience, g.profile, 0, (r->>2)::bigint
FROM gone AS g
JOIN jsonb_array_elements($2::jsonb) AS r ON (r->>0)::bigint = g.audience AND r->>1 = g.profile;

-- name: CrossingLeave sqlite
INSERT INTO crossing(tenant, id, audience, profile, entered, at)
SELECT $1, r.value->>3, r.value->>0, r.value->>1, 0, r.value->>2
FROM json_each($2) AS r
WHERE EXISTS (SELECT 1 FROM member AS m WHERE m.tenant = $1 AND m.audience = r.value->>0 AND m.profile = r.value->>1);

-- name: CrossingList
SELECT tenant, id, audience, profile, entered, at
FROM crossing
ORDER BY at, id
LIMIT $1;

-- name: CrossingDelete
DELETE FROM crossing
WHERE tenant = $1 AND id = $2 AND audience = $3 AND profile = $4;

-- name: CrossingErase
DELETE FROM crossing
WHERE tenant = $1 AND profile = $2;

-- name: TraceErase
DELETE FROM journey_trace
WHERE tenant = $1 AND profile = $2;

-- name: SendErase
DELETE FROM journey_send
WHERE tenant = $1 AND profile = $2;

-- name: EnrolmentErase
DELETE FROM enrolment
WHERE tenant = $1 AND profile = $2;

-- name: JourneyDeleteTraces
DELETE FROM journey_trace
WHERE tenant = $1 AND enrolment IN (SELECT id FROM enrolment WHERE tenant = $1 AND journey = $2 ORDER BY id LIMIT $3);

-- name: JourneyDeleteSends
DELETE FROM journey_send
WHERE tenant = $1 AND enrolment IN (SELECT id FROM enrolment WHERE tenant = $1 AND journey = $2 ORDER BY id LIMIT $3);

-- name: JourneyDeleteEnrolments
DELETE FROM enrolment
WHERE tenant = $1 AND id IN (SELECT id FROM enrolment WHERE tenant = $1 AND journey = $2 ORDER BY id LIMIT $3);

-- name: TraceExpire
DELETE FROM journey_trace
WHERE (tenant, enrolment, n) IN (
  SELECT t.tenant, t.enrolment, t.n FROM journey_trace AS t
  WHERE t.at < $1 AND NOT EXISTS (SELECT 1 FROM enrolment AS e WHERE e.tenant = t.tenant AND e.id = t.enrolment AND e.ended = 0)
  LIMIT $2
);

-- name: SendExpire
DELETE FROM journey_send
WHERE (tenant, id) IN (
  SELECT s.tenant, s.id FROM journey_send AS s
  WHERE s.at < $1 AND s.state NOT IN ('new', 'pending', 'sending')
    AND NOT EXISTS (SELECT 1 FROM enrolment AS e WHERE e.tenant = s.tenant AND e.id = s.enrolment AND e.ended = 0)
  LIMIT $2
);

-- name: EnrolmentExpire
DELETE FROM enrolment
WHERE (tenant, id) IN (SELECT tenant, id FROM enrolment WHERE ended > 0 AND keep < $1 LIMIT $2);
