-- Counts of attempts and events, by the hour.

-- name: TallyAdd
INSERT INTO tally(tenant, webhook, at, kind, name, n)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant, webhook, at, kind, name) DO UPDATE SET n = tally.n + $6;

-- name: TallySum
SELECT webhook, kind, name, CAST(sum(n) AS bigint)
FROM tally
WHERE tenant = $1 AND webhook = $2 AND at >= $3 AND at < $4
GROUP BY webhook, kind, name
ORDER BY kind, name;

-- name: TallyExpire
DELETE FROM tally
WHERE at < $1 AND at IN (SELECT at FROM tally WHERE at < $1 ORDER BY at LIMIT $2);
