-- Campaigns and respondents.
CREATE TABLE campaign(
  tenant  integer NOT NULL,
  id      bigint  NOT NULL, -- the customer's
  name    text    NOT NULL,
  created bigint  NOT NULL,
  updated bigint  NOT NULL,
  CONSTRAINT campaign_pkey PRIMARY KEY (tenant, id)
);

CREATE TABLE respondent(
  id       bigint   NOT NULL,
  tenant   integer  NOT NULL,
  campaign bigint   NOT NULL,
  source   text     NOT NULL, -- the integration; '': added directly
  state    smallint NOT NULL, -- see gate.State
  round    integer  NOT NULL,
  dnc      boolean  NOT NULL, -- do not contact
  email    text     NOT NULL,
  phone    text     NOT NULL,
  search   text     NOT NULL,
  payload  bytea    NOT NULL, -- JSON, as received
  warnings text     NOT NULL, -- JSON array, or ''
  reason   text     NOT NULL,
  log_key  bytea    NOT NULL,
  once     bytea,             -- idempotency key: any bytes
  digest   bytea    NOT NULL,
  created  bigint   NOT NULL,
  decided  bigint   NOT NULL,
  CONSTRAINT respondent_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX respondent_once ON respondent(tenant, once) WHERE once IS NOT NULL;
CREATE INDEX respondent_by_state ON respondent(tenant, state, id);
CREATE INDEX respondent_by_campaign ON respondent(tenant, campaign, state, id);
CREATE INDEX respondent_by_email ON respondent(tenant, email) WHERE email <> '';
CREATE INDEX respondent_by_phone ON respondent(tenant, phone) WHERE phone <> '';
CREATE INDEX respondent_pending ON respondent(id) WHERE state = 1;
CREATE INDEX respondent_expiring ON respondent(decided) WHERE state IN (3, 5, 6);
