-- What tenants add to the catalogue of event types, or change in it.
CREATE TABLE catalogue(
  number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order in which they were made
  tenant  integer NOT NULL,
  kind    text    NOT NULL,
  name    text    NOT NULL,
  version text    NOT NULL, -- of a type; empty for other kinds
  body    text    NOT NULL, -- JSON
  created bigint  NOT NULL,
  updated bigint  NOT NULL,
  CONSTRAINT catalogue_unique UNIQUE (tenant, kind, name, version)
);

-- What was odd about an event when it was accepted; mostly nothing. Without a
-- default no row is written anew, in any partition.
ALTER TABLE event ADD COLUMN warnings bytea;
