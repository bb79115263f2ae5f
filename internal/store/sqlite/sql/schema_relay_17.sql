-- How many events a tenant that has a limit of a day has published.
CREATE TABLE rate(
  tenant INTEGER PRIMARY KEY,
  day    INTEGER NOT NULL, -- days since 1970, UTC
  used   INTEGER NOT NULL
) STRICT;

-- When an event told that the key will end; 0: none has.
ALTER TABLE api_key ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;
