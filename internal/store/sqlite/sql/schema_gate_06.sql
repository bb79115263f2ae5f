-- The rows of an import into an audience: see audience.ImportRow.
CREATE TABLE import_row(
  tenant  INTEGER NOT NULL,
  task    TEXT   NOT NULL,
  line    INTEGER NOT NULL,
  profile TEXT   NOT NULL, -- empty: the row names none
  body    TEXT   NOT NULL, -- JSON: what the row says of the profile
  error   TEXT   NOT NULL, -- why the row is left out; empty: it is not
  PRIMARY KEY (tenant, task, line)
) STRICT;
CREATE INDEX import_row_of ON import_row(tenant, profile, task);
