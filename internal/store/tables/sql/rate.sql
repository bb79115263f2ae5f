-- How many events tenants published on a day.

-- name: RateInsert
INSERT INTO rate(tenant, day, used)
VALUES ($1, $2, 0)
ON CONFLICT DO NOTHING;

-- name: RateLock
-- Holds up others that do the same, until the transaction has ended. A new day begins with nothing.
UPDATE rate
SET used = CASE WHEN day < $2 THEN 0 ELSE used END, day = CASE WHEN day < $2 THEN $2 ELSE day END
WHERE tenant = $1;

-- name: RateGet
SELECT day, used
FROM rate
WHERE tenant = $1;

-- name: RateAdd
UPDATE rate
SET used = used + $2
WHERE tenant = $1;

-- name: RateReturn
UPDATE rate
SET used = used - $3
WHERE tenant = $1 AND day = $2 AND used >= $3;
