-- Configuration that is small and wholly in memory. A new kind of it needs no table: see package registry.
-- AUTOINCREMENT: a record that is made anew is told from the one before.
CREATE TABLE record(
  number  INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which they were made
  tenant  INTEGER NOT NULL, -- 0: it belongs to the installation
  kind    TEXT    NOT NULL,
  name    TEXT    NOT NULL,
  version INTEGER NOT NULL, -- changes since it was made; 1 for a new one
  body    TEXT    NOT NULL, -- JSON
  sealed  BLOB    NOT NULL, -- JSON, sealed; x'' without secrets
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  CONSTRAINT record_unique UNIQUE (tenant, kind, name)
) STRICT;
CREATE INDEX record_by_kind ON record(kind, number);
