-- What tenants add to the catalogue of event types, or change in it.
CREATE TABLE catalogue(
  number  INTEGER PRIMARY KEY, -- the order in which they were made
  tenant  INTEGER NOT NULL,
  kind    TEXT    NOT NULL,
  name    TEXT    NOT NULL,
  version TEXT    NOT NULL, -- of a type; empty for other kinds
  body    TEXT    NOT NULL, -- JSON
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  CONSTRAINT catalogue_unique UNIQUE (tenant, kind, name, version)
) STRICT;
