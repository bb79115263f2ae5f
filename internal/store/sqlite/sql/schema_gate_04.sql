-- Profiles, the audiences they are in, and where they stand at partners. Times are milliseconds since 1970, UTC.
CREATE TABLE profile(
  tenant  INTEGER NOT NULL,
  id      TEXT    NOT NULL, -- the customer's
  body    TEXT    NOT NULL, -- JSON, see audience.Profile
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT;

CREATE TABLE member(
  tenant   INTEGER NOT NULL,
  audience INTEGER NOT NULL,
  profile  TEXT    NOT NULL,
  since    INTEGER NOT NULL,
  PRIMARY KEY (tenant, audience, profile)
) STRICT;
CREATE INDEX member_by_profile ON member(tenant, profile);

CREATE TABLE sync(
  tenant     INTEGER NOT NULL,
  attachment TEXT    NOT NULL,
  profile    TEXT    NOT NULL,
  entry      INTEGER NOT NULL, -- 0: of a list; else it tells the entries of a message apart
  audience   INTEGER NOT NULL,
  state      TEXT    NOT NULL,
  turn       INTEGER NOT NULL, -- 0: no event is on its way
  body       TEXT    NOT NULL, -- JSON, see audience.Sync
  frozen     BLOB,             -- the payload of a message's entry
  version    INTEGER NOT NULL,
  PRIMARY KEY (tenant, attachment, profile, entry)
) STRICT;
CREATE INDEX sync_by_profile ON sync(tenant, profile);
CREATE INDEX sync_pending ON sync(tenant, attachment, profile, entry) WHERE turn > 0;
