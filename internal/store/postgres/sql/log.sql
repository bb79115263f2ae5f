-- name: Get
SELECT id, tenant, webhook, event, at, total_us, outcome, status, type, detail
FROM attempt
WHERE id = $1 AND tenant = $2;

-- name: PageBound
SELECT id
FROM attempt
WHERE id < $1 AND id >= $2
ORDER BY id DESC
OFFSET $3
LIMIT 1;

-- name: PageBoundWebhook
SELECT id
FROM attempt
WHERE id < $1 AND id >= $2 AND webhook = $4
ORDER BY id DESC
OFFSET $3
LIMIT 1;

-- name: Page
SELECT id, tenant, webhook, event, at, total_us, outcome, status, type, detail
FROM attempt,
  LATERAL (SELECT CASE
    WHEN get_byte(detail, 2) < 128 THEN 3
    WHEN get_byte(detail, 3) < 128 THEN 4
    ELSE 5 END) AS name(place),
  LATERAL (SELECT name.place + CASE
    WHEN get_byte(detail, name.place) < 128 THEN 1 + get_byte(detail, name.place)
    ELSE 2 + get_byte(detail, name.place) % 128 + 128 * get_byte(detail, name.place + 1) END) AS kind(place)
WHERE id < $1 AND id >= $2 AND tenant = $3
  AND outcome = ANY ($4)
  AND ($5 = 0 AND $6 = 0 OR status >= $5 AND ($6 = 0 OR status <= $6))
  AND ($7 = '' OR type = $7)
  AND at >= $8 AND at < $9
  AND ($11 OR status IS DISTINCT FROM -1) -- followers, see detail.go
  AND webhook <> ALL ($12)
  -- The kind of error stands in the detail behind two bytes, a number and a name: see logentry.ErrorKind.
  AND CASE WHEN $13 = ''::bytea THEN true ELSE substring(detail FROM 1 + kind.place FOR length($13)) = $13 END
ORDER BY id DESC
LIMIT $10;

-- name: PageWebhook
SELECT id, tenant, webhook, event, at, total_us, outcome, status, type, detail
FROM attempt,
  LATERAL (SELECT CASE
    WHEN get_byte(detail, 2) < 128 THEN 3
    WHEN get_byte(detail, 3) < 128 THEN 4
    ELSE 5 END) AS name(place),
  LATERAL (SELECT name.place + CASE
    WHEN get_byte(detail, name.place) < 128 THEN 1 + get_byte(detail, name.place)
    ELSE 2 + get_byte(detail, name.place) % 128 + 128 * get_byte(detail, name.place + 1) END) AS kind(place)
WHERE id < $1 AND id >= $2 AND tenant = $3
  AND outcome = ANY ($4)
  AND ($5 = 0 AND $6 = 0 OR status >= $5 AND ($6 = 0 OR status <= $6))
  AND ($7 = '' OR type = $7)
  AND at >= $8 AND at < $9
  AND ($11 OR status IS DISTINCT FROM -1) -- followers, see detail.go
  AND webhook = $12
  -- The kind of error stands in the detail behind two bytes, a number and a name: see logentry.ErrorKind.
  AND CASE WHEN $13 = ''::bytea THEN true ELSE substring(detail FROM 1 + kind.place FOR length($13)) = $13 END
ORDER BY id DESC
LIMIT $10;

-- name: Tail
-- An id has the number of the node that gave it.
SELECT id, tenant, webhook, event, at, total_us, outcome, status, type, detail
FROM attempt
WHERE id > $1 AND (id >> 12) & 511 <> $2 AND tenant = ANY ($3) AND outcome <= 3
ORDER BY id DESC
LIMIT $4;

-- name: Lag
SELECT coalesce(max(behind), 0), coalesce(max(ahead), 0)
FROM attempt_lag;

-- name: OfEvent
-- An attempt's id is above its event's.
SELECT id, tenant, webhook, event, at, total_us, outcome, status, type, detail
FROM attempt
WHERE event = $1 AND id > $1 AND tenant = $2 AND ($3::bigint = 0 OR webhook = $3)
ORDER BY id DESC
LIMIT $4;

-- name: Settled
SELECT id, event, webhook
FROM attempt
WHERE id >= $1 AND outcome <> 2
ORDER BY id
LIMIT $2;

-- name: Failed
-- Those that nothing followed for their delivery.
SELECT id, tenant, webhook, event, at, total_us, outcome, status, type, detail, EXISTS (
  SELECT
  FROM attempt later
  WHERE later.event = a.event AND later.webhook = a.webhook AND later.id > a.id)
FROM attempt a
WHERE webhook = $1 AND outcome IN (3, 5) AND id > $2 AND id <= $3 AND tenant = $4
ORDER BY id
LIMIT $5;

-- name: Stats
-- What is rolled up, and the attempts that are not; one look, so that nothing
-- counts twice.
SELECT (at - $3) / $5, CASE WHEN $7 THEN webhook ELSE 0 END, sum(delivered)::bigint, sum(retrying)::bigint, sum(failed)::bigint, sum(total_ms)::bigint, max(max_ms)
FROM (
  SELECT at, webhook, delivered, retrying, failed, total_ms, max_ms
  FROM rollup
  WHERE tenant = $1 AND webhook = ANY ($2) AND unit = $6 AND at >= $3 AND at < $4
  UNION ALL
  SELECT at / 60000, webhook, (outcome = 1)::int, (outcome = 2)::int, (outcome = 3)::int, total_us / 1000, total_us / 1000
  FROM attempt
  WHERE id > (SELECT min(through) FROM rolled)
    AND id > (SELECT through FROM rolled WHERE number = (id >> 12) & 511)
    AND tenant = $1 AND ($2 = '{0}' OR webhook = ANY ($2)) AND outcome <= 3 AND status IS DISTINCT FROM -1
    AND at >= $3 * 60000 AND at < $4 * 60000
) both_parts
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: RollLock
SELECT through
FROM rolled
WHERE number = $1
FOR UPDATE;

-- name: RollBound
SELECT id
FROM attempt
WHERE id > $1 AND id <= $2
ORDER BY id
OFFSET $3
LIMIT 1;

-- name: RollUp
INSERT INTO rollup AS r(tenant, webhook, unit, at, delivered, retrying, failed, total_ms, max_ms)
SELECT tenant, w.webhook, u.unit, a.at / 60000 / u.unit * u.unit,
  count(*) FILTER (WHERE outcome = 1), count(*) FILTER (WHERE outcome = 2), count(*) FILTER (WHERE outcome = 3),
  sum(total_us / 1000), max(total_us / 1000)
FROM attempt a
  CROSS JOIN (VALUES (1), (60)) u(unit)
  CROSS JOIN LATERAL (VALUES (a.webhook), (0)) w(webhook)
WHERE id > $2 AND id <= $3 AND ((id >> 12) & 511) = $1 AND outcome <= 3 AND status IS DISTINCT FROM -1
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
ON CONFLICT (tenant, webhook, unit, at) DO UPDATE SET
  delivered = r.delivered + excluded.delivered,
  retrying  = r.retrying + excluded.retrying,
  failed    = r.failed + excluded.failed,
  total_ms  = r.total_ms + excluded.total_ms,
  max_ms    = greatest(r.max_ms, excluded.max_ms);

-- name: RollSet
UPDATE rolled
SET through = $2
WHERE number = $1;

-- name: RollDead
-- Numbers that no node has, whose attempts are not all rolled up.
SELECT number
FROM rolled
WHERE NOT EXISTS (SELECT FROM node WHERE node.number = rolled.number);

-- name: RollForget
-- Under the lock with which nodes join, so that none takes the number meanwhile.
DELETE FROM rolled
WHERE number = $1
  AND NOT EXISTS (SELECT FROM node WHERE node.number = $1)
  AND NOT EXISTS (SELECT FROM attempt WHERE id > rolled.through AND ((id >> 12) & 511) = $1);

-- name: LastID
SELECT max(id)
FROM attempt;
