-- Configuration. Times are milliseconds since 1970, UTC; 0 stands for "not set".
CREATE TABLE tenant(
  id      INTEGER PRIMARY KEY,
  name    TEXT    NOT NULL CONSTRAINT tenant_name_unique UNIQUE,
  created INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key(
  id      TEXT    PRIMARY KEY,
  tenant  INTEGER NOT NULL,
  name    TEXT    NOT NULL,
  scopes  TEXT    NOT NULL, -- JSON array
  hash    BLOB    NOT NULL CONSTRAINT api_key_hash_length CHECK (length(hash) = 32),
  hint    TEXT    NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  revoked INTEGER NOT NULL
) STRICT;

-- AUTOINCREMENT: a number is part of its deliveries' ids and never given twice.
CREATE TABLE webhook(
  number   INTEGER PRIMARY KEY AUTOINCREMENT,
  id       TEXT    NOT NULL CONSTRAINT webhook_id_unique UNIQUE,
  tenant   INTEGER NOT NULL,
  settings TEXT    NOT NULL, -- JSON
  secrets  BLOB    NOT NULL, -- JSON, sealed; in clear in files from before that
  status   TEXT    NOT NULL,
  health   TEXT    NOT NULL, -- JSON
  inactive TEXT    NOT NULL, -- JSON array of periods
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL
) STRICT;

CREATE TABLE job(
  id       TEXT    PRIMARY KEY,
  tenant   INTEGER NOT NULL,
  webhook  INTEGER NOT NULL,
  kind     TEXT    NOT NULL,
  state    TEXT    NOT NULL,
  since    INTEGER NOT NULL,
  until    INTEGER NOT NULL,
  cursor   INTEGER NOT NULL, -- an event's or attempt's id
  scanned  INTEGER NOT NULL,
  owed     INTEGER NOT NULL,
  error    TEXT    NOT NULL,
  created  INTEGER NOT NULL,
  finished INTEGER NOT NULL
) STRICT;
CREATE INDEX job_by_tenant ON job(tenant, created);
