-- name: Get
SELECT event, webhook, tenant, due, since, attempts, base, reason, ord, claim
FROM owed
WHERE event = $1 AND webhook = $2 AND tenant = $3;

-- name: OfEvent
SELECT event, webhook, tenant, due, since, attempts, base, reason, ord, claim
FROM owed
WHERE event = $1 AND tenant = $2
ORDER BY webhook;

-- name: ListTenant
SELECT event, webhook, tenant, due, since, attempts, base, reason, ord, claim
FROM owed
WHERE tenant = $1 AND (event, webhook) < ($2, $3) AND webhook <> ALL ($5)
ORDER BY event DESC, webhook DESC
LIMIT $4;

-- name: ListWebhook
SELECT event, webhook, tenant, due, since, attempts, base, reason, ord, claim
FROM owed
WHERE webhook = $1 AND tenant = $2 AND (event < $3 OR event = $3 AND webhook < $4)
ORDER BY event DESC
LIMIT $5;

-- name: Move
UPDATE owed
SET due = $4, since = $4, base = attempts, reason = $5
WHERE event = $1 AND webhook = $2 AND tenant = $3 AND claim = 0
RETURNING ord;

-- name: MoveBatch
UPDATE owed
SET due = $4, since = $4, base = attempts, reason = $5
WHERE webhook = $1 AND ord = $2 AND ord <> 0 AND tenant = $3 AND claim = 0;

-- name: Ahead
-- Rows due after $3, behind an event.
SELECT event, webhook, tenant, due, since, attempts, base, reason, ord, claim
FROM owed
WHERE webhook = $1 AND event > $2 AND due > $3
ORDER BY event
LIMIT $4;

-- name: Reschedule
UPDATE owed
SET due = $4, since = $5
WHERE event = $1 AND webhook = $2 AND due = $3;

-- name: Newest
-- The newest id of both below one, zero without one.
SELECT coalesce(greatest((SELECT max(id) FROM event WHERE id < $1), (SELECT max(id) FROM attempt WHERE id < $1)), 0);

-- name: Discard
-- Not while the webhook is there: a node may not know yet of a new one.
DELETE FROM owed
WHERE (event, webhook) IN (
  SELECT event, webhook
  FROM owed
  WHERE webhook = $1 AND tenant = $2
  LIMIT $3)
  AND NOT EXISTS (SELECT FROM webhook WHERE number = $1);

-- name: NextPlain
-- The earliest due time, from $2 on, of an unclaimed row without an order.
SELECT due
FROM owed
WHERE webhook = $1 AND claim = 0 AND ord = 0 AND due >= $2
ORDER BY due
LIMIT 1;

-- name: Webhooks
-- Each webhook with rows, found one after the other: a plain DISTINCT reads all rows.
WITH RECURSIVE w AS (
  (SELECT webhook, tenant FROM owed ORDER BY webhook LIMIT 1)
  UNION ALL
  SELECT n.webhook, n.tenant
  FROM w CROSS JOIN LATERAL (
    SELECT webhook, tenant
    FROM owed
    WHERE owed.webhook > w.webhook
    ORDER BY owed.webhook
    LIMIT 1) n
)
SELECT webhook, tenant,
  (SELECT count(*) FROM (SELECT FROM owed WHERE owed.webhook = w.webhook LIMIT 10000) c),
  coalesce((SELECT due FROM owed WHERE owed.webhook = w.webhook AND claim = 0 AND ord = 0 ORDER BY due LIMIT 1), 0),
  EXISTS (SELECT FROM owed WHERE owed.webhook = w.webhook AND ord <> 0)
FROM w;

-- name: Backlog
-- As Webhooks, for the webhooks of a tenant.
SELECT w.number,
  (SELECT count(*) FROM (SELECT FROM owed WHERE owed.webhook = w.number LIMIT 10000) c),
  coalesce((SELECT due FROM owed WHERE owed.webhook = w.number AND claim = 0 AND ord = 0 AND due <= $2 ORDER BY due LIMIT 1), 0),
  coalesce((SELECT due FROM owed WHERE owed.webhook = w.number AND claim = 0 AND ord = 0 AND due > $2 ORDER BY due LIMIT 1), 0),
  EXISTS (SELECT FROM owed WHERE owed.webhook = w.number AND ord <> 0)
FROM webhook w
WHERE w.tenant = $1 AND EXISTS (SELECT FROM owed WHERE owed.webhook = w.number)
ORDER BY 1;

-- name: Heads
-- The first row of each order above $2, for up to $3 orders, found one after
-- the other: there may be a million rows behind each.
WITH RECURSIVE h AS (
  (SELECT ord, event, due, claim, 1 AS n
   FROM owed
   WHERE webhook = $1 AND ord > $2 AND ord <> 0
   ORDER BY ord, event
   LIMIT 1)
  UNION ALL
  SELECT x.ord, x.event, x.due, x.claim, h.n + 1
  FROM h CROSS JOIN LATERAL (
    SELECT ord, event, due, claim
    FROM owed
    WHERE webhook = $1 AND owed.ord > h.ord AND ord <> 0
    ORDER BY ord, event
    LIMIT 1) x
  WHERE h.n < $3
)
SELECT ord, event, due, claim
FROM h;

-- name: Plain
-- Rows without an order that are due.
SELECT due, event
FROM owed
WHERE webhook = $1 AND claim = 0 AND ord = 0 AND due <= $2
ORDER BY due, event
LIMIT $3;

-- name: Runs
-- The rows behind some heads of orders; those below zero are batches.
SELECT h.ord, r.event, r.claim
FROM unnest($2::bigint[], $3::bigint[]) h(ord, event)
CROSS JOIN LATERAL (
  SELECT event, claim
  FROM owed
  WHERE webhook = $1 AND owed.ord = h.ord AND ord <> 0 AND owed.event > h.event
  ORDER BY event
  LIMIT CASE WHEN h.ord < 0 THEN $5::int ELSE $4::int END) r
ORDER BY h.ord, r.event;

-- name: Count
SELECT count(*)
FROM (SELECT FROM owed LIMIT 1000000) c;

-- name: OverduePlain
-- The earliest unclaimed row of each webhook, found one after the other.
WITH RECURSIVE w AS (
  (SELECT webhook, tenant, due FROM owed WHERE claim = 0 AND ord = 0 ORDER BY webhook, due LIMIT 1)
  UNION ALL
  SELECT n.webhook, n.tenant, n.due
  FROM w CROSS JOIN LATERAL (
    SELECT webhook, tenant, due
    FROM owed
    WHERE claim = 0 AND ord = 0 AND owed.webhook > w.webhook
    ORDER BY owed.webhook, due
    LIMIT 1) n
)
SELECT webhook, tenant, due
FROM w
WHERE due <= $1;

-- name: OverdueOrdered
-- For each webhook with orders the earliest first row of an order that is not
-- claimed, of up to $2 orders above $1; and of how many.
WITH RECURSIVE w AS (
  (SELECT webhook, tenant FROM owed WHERE ord <> 0 ORDER BY webhook LIMIT 1)
  UNION ALL
  SELECT n.webhook, n.tenant
  FROM w CROSS JOIN LATERAL (
    SELECT webhook, tenant
    FROM owed
    WHERE ord <> 0 AND owed.webhook > w.webhook
    ORDER BY owed.webhook
    LIMIT 1) n
)
SELECT w.webhook, w.tenant, coalesce(x.due, 0), x.orders
FROM w CROSS JOIN LATERAL (
  WITH RECURSIVE h AS (
    (SELECT ord, due, claim, 1 AS n
     FROM owed
     WHERE webhook = w.webhook AND ord > $1 AND ord <> 0
     ORDER BY ord, event
     LIMIT 1)
    UNION ALL
    SELECT y.ord, y.due, y.claim, h.n + 1
    FROM h CROSS JOIN LATERAL (
      SELECT ord, due, claim
      FROM owed
      WHERE webhook = w.webhook AND owed.ord > h.ord AND ord <> 0
      ORDER BY ord, event
      LIMIT 1) y
    WHERE h.n < $2
  )
  SELECT min(due) FILTER (WHERE claim = 0) AS due, count(*) AS orders
  FROM h) x;

-- name: OrdersLast
-- The newest event that is owed in some orders.
SELECT max(x.event)
FROM unnest($1::bigint[], $2::bigint[]) o(webhook, ord)
CROSS JOIN LATERAL (
  SELECT event
  FROM owed
  WHERE owed.webhook = o.webhook AND owed.ord = o.ord AND owed.ord <> 0
  ORDER BY event DESC
  LIMIT 1) x;
