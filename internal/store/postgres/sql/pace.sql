-- The allowances of events per second that servers share.

-- name: Pace
-- Takes what costs $2 microseconds, unless the bucket holds too little; then it answers how it is.
WITH clock AS (
  SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now
), taken AS (
  INSERT INTO pace(tenant, full_at, per_second)
  SELECT $1, now + $2, $3
  FROM clock
  ON CONFLICT (tenant) DO UPDATE
  SET full_at = greatest(CASE pace.per_second WHEN $3 THEN pace.full_at ELSE 0 END, (SELECT now FROM clock)) + $2, per_second = $3
  WHERE pace.per_second <> $3 OR pace.full_at + $2 <= (SELECT now FROM clock) + greatest($2, 1000000)
  RETURNING full_at
)
SELECT EXISTS (SELECT FROM taken),
  greatest(0, coalesce((SELECT full_at FROM taken), (SELECT full_at FROM pace WHERE tenant = $1), 0) - now)
FROM clock;

-- name: PaceErase
DELETE FROM pace
WHERE tenant = $1;
