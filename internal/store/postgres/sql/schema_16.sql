-- Profiles, the audiences they are in, and where they stand at partners. Times are milliseconds since 1970, UTC.
CREATE TABLE profile(
  tenant  bigint NOT NULL,
  id      text    NOT NULL, -- the customer's
  body    text    NOT NULL, -- JSON, see audience.Profile
  created bigint NOT NULL,
  updated bigint NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (tenant, id)
);

CREATE TABLE member(
  tenant   bigint NOT NULL,
  audience bigint NOT NULL,
  profile  text    NOT NULL,
  since    bigint NOT NULL,
  PRIMARY KEY (tenant, audience, profile)
);
CREATE INDEX member_by_profile ON member(tenant, profile);

CREATE TABLE sync(
  tenant     bigint NOT NULL,
  attachment text    NOT NULL,
  profile    text    NOT NULL,
  entry      bigint NOT NULL, -- 0: of a list; else it tells the entries of a message apart
  audience   bigint NOT NULL,
  state      text    NOT NULL,
  turn       bigint NOT NULL, -- 0: no event is on its way
  body       text    NOT NULL, -- JSON, see audience.Sync
  frozen     bytea,             -- the payload of a message's entry
  version    bigint NOT NULL,
  PRIMARY KEY (tenant, attachment, profile, entry)
);
CREATE INDEX sync_by_profile ON sync(tenant, profile);
CREATE INDEX sync_pending ON sync(tenant, attachment, profile, entry) WHERE turn > 0;
