-- Campaigns and respondents. Times are milliseconds since 1970, UTC; 0 stands for "not set".
CREATE TABLE campaign(
  tenant  INTEGER NOT NULL,
  id      INTEGER NOT NULL, -- the customer's
  name    TEXT    NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE respondent(
  id       INTEGER PRIMARY KEY,
  tenant   INTEGER NOT NULL,
  campaign INTEGER NOT NULL,
  source   TEXT    NOT NULL, -- the integration; '': added directly
  state    INTEGER NOT NULL, -- see gate.State
  round    INTEGER NOT NULL,
  dnc      INTEGER NOT NULL, -- 1: do not contact
  email    TEXT    NOT NULL,
  phone    TEXT    NOT NULL,
  search   TEXT    NOT NULL,
  payload  BLOB    NOT NULL, -- JSON, as received
  warnings TEXT    NOT NULL, -- JSON array, or ''
  reason   TEXT    NOT NULL,
  log_key  BLOB    NOT NULL,
  once     TEXT,             -- idempotency key
  digest   BLOB    NOT NULL,
  created  INTEGER NOT NULL,
  decided  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX respondent_once ON respondent(tenant, once) WHERE once IS NOT NULL;
CREATE INDEX respondent_by_state ON respondent(tenant, state, id);
CREATE INDEX respondent_by_campaign ON respondent(tenant, campaign, state, id);
CREATE INDEX respondent_by_email ON respondent(tenant, email) WHERE email <> '';
CREATE INDEX respondent_by_phone ON respondent(tenant, phone) WHERE phone <> '';
CREATE INDEX respondent_pending ON respondent(id) WHERE state = 1;
CREATE INDEX respondent_expiring ON respondent(decided) WHERE state IN (3, 5, 6);
