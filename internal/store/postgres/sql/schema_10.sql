-- Configuration that is small and wholly in memory. A new kind of it needs no
-- table: see package registry.
CREATE TABLE record(
  number  bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order in which they were made
  tenant  integer NOT NULL, -- 0: it belongs to the installation
  kind    text    NOT NULL,
  name    text    NOT NULL,
  version bigint  NOT NULL, -- changes since it was made; 1 for a new one
  body    text    NOT NULL, -- JSON
  sealed  bytea   NOT NULL, -- JSON, sealed; '' without secrets
  created bigint  NOT NULL,
  updated bigint  NOT NULL,
  CONSTRAINT record_unique UNIQUE (tenant, kind, name)
);
CREATE INDEX record_by_kind ON record(kind, number);
