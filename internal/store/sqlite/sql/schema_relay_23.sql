-- Filters of the log under names; see package logview.
CREATE TABLE log_view(
  tenant  INTEGER NOT NULL,
  id      TEXT    NOT NULL,
  owner   TEXT    NOT NULL, -- a user; '': the tenant shares it
  name    TEXT    NOT NULL,
  filter  TEXT    NOT NULL, -- JSON, see logview.Filter
  author  TEXT    NOT NULL, -- the name of whoever saved it
  created INTEGER NOT NULL, -- milliseconds since 1970
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX log_view_name ON log_view(owner, tenant, name);
