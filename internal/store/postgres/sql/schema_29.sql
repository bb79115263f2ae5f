-- Filters of the log under names; see package logview.
CREATE TABLE log_view(
  tenant  bigint NOT NULL,
  id      text   NOT NULL,
  owner   text   NOT NULL, -- a user; '': the tenant shares it
  name    text   NOT NULL,
  filter  text   NOT NULL, -- JSON, see logview.Filter
  author  text   NOT NULL, -- the name of whoever saved it
  created bigint NOT NULL, -- milliseconds since 1970
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX log_view_name ON log_view(owner, tenant, name);
