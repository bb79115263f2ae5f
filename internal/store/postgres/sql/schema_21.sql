-- How many events a tenant that has a limit of a day has published.
CREATE TABLE rate(
  tenant bigint PRIMARY KEY,
  day    bigint NOT NULL, -- days since 1970, UTC
  used   bigint NOT NULL
);

-- How fast a tenant that has a limit of a second publishes: when its bucket will be full, in microseconds since 1970. What a
-- crash takes away is full again a second later.
CREATE UNLOGGED TABLE pace(
  tenant     bigint PRIMARY KEY,
  full_at    bigint NOT NULL,
  per_second bigint NOT NULL
) WITH (fillfactor = 50);

-- When an event told that the key will end; 0: none has.
ALTER TABLE api_key ADD COLUMN warned bigint NOT NULL DEFAULT 0;
