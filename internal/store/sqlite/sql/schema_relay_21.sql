-- Counts of attempts and events, by the hour; see package tally.
CREATE TABLE tally(
  tenant  INTEGER NOT NULL,
  webhook INTEGER NOT NULL, -- 0: all of the tenant
  at      INTEGER NOT NULL, -- the hour's beginning, in milliseconds since 1970
  kind    INTEGER NOT NULL,
  name    TEXT    NOT NULL,
  n       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX tally_key ON tally(tenant, webhook, at, kind, name);
CREATE INDEX tally_by_time ON tally(at);
