-- Counts of attempts and events, by the hour; see package tally.
CREATE TABLE tally(
  tenant  bigint NOT NULL,
  webhook bigint NOT NULL, -- 0: all of the tenant
  at      bigint NOT NULL, -- the hour's beginning, in milliseconds since 1970
  kind    bigint NOT NULL,
  name    text   NOT NULL,
  n       bigint NOT NULL
);
CREATE UNIQUE INDEX tally_key ON tally(tenant, webhook, at, kind, name);
CREATE INDEX tally_by_time ON tally(at);
