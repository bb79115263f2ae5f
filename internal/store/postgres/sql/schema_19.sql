-- The rows of an import into an audience: see audience.ImportRow.
CREATE TABLE import_row(
  tenant  bigint NOT NULL,
  task    text   NOT NULL,
  line    bigint NOT NULL,
  profile text   NOT NULL, -- empty: the row names none
  body    text   NOT NULL, -- JSON: what the row says of the profile
  error   text   NOT NULL, -- why the row is left out; empty: it is not
  PRIMARY KEY (tenant, task, line)
);
CREATE INDEX import_row_of ON import_row(tenant, profile, task);
