-- Times are milliseconds since 1970, UTC, and 0 stands for "not set"; only the
-- leases of nodes are the database's own times, because nodes compare them.

-- One row.
CREATE TABLE relay_meta(
  one      boolean PRIMARY KEY DEFAULT true CONSTRAINT relay_meta_one CHECK (one),
  fence    bigint  NOT NULL DEFAULT 0, -- the last fencing token given
  revision bigint  NOT NULL DEFAULT 0, -- grows with every change of the configuration but webhooks
  webhooks bigint  NOT NULL DEFAULT 0, -- grows with every change of a webhook
  keys     bytea, -- the keys that seal secrets, sealed themselves with a key from outside; NULL: they are elsewhere
  key_check bytea -- a known text, sealed: who cannot open it has other keys
);
INSERT INTO relay_meta DEFAULT VALUES;

-- The nodes that live, or whose death nobody has noticed. To fence a node is
-- to delete its row: every write of a node locks the row first.
CREATE TABLE node(
  fence   bigint      PRIMARY KEY,
  number  smallint    NOT NULL CONSTRAINT node_number_unique UNIQUE
                      CONSTRAINT node_number_range CHECK (number BETWEEN 0 AND 511),
  name    text        NOT NULL, -- host and process, for people
  expires timestamptz NOT NULL  -- when others may fence it
);

-- Configuration.
CREATE TABLE tenant(
  id      integer PRIMARY KEY,
  name    text    NOT NULL CONSTRAINT tenant_name_unique UNIQUE,
  created bigint  NOT NULL
);

CREATE TABLE api_key(
  id      text    PRIMARY KEY,
  tenant  integer NOT NULL,
  name    text    NOT NULL,
  scopes  text    NOT NULL, -- JSON array
  hash    bytea   NOT NULL CONSTRAINT api_key_hash_length CHECK (octet_length(hash) = 32),
  hint    text    NOT NULL,
  created bigint  NOT NULL,
  expires bigint  NOT NULL,
  revoked bigint  NOT NULL
);

-- A number is part of its deliveries' ids and never given twice.
CREATE TABLE webhook(
  number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id       text    NOT NULL CONSTRAINT webhook_id_unique UNIQUE,
  tenant   integer NOT NULL,
  settings text    NOT NULL, -- JSON
  secrets  bytea   NOT NULL, -- JSON, sealed
  status   text    NOT NULL,
  health   text    NOT NULL, -- JSON
  inactive text    NOT NULL, -- JSON array of periods
  created  bigint  NOT NULL,
  updated  bigint  NOT NULL,
  version  bigint  NOT NULL DEFAULT 0, -- changes since it was created
  changed  bigint  NOT NULL            -- relay_meta.webhooks as of the last change
);
CREATE INDEX webhook_changed ON webhook(changed);

-- Webhooks that were deleted, so that other nodes notice.
CREATE TABLE webhook_deleted(
  number  bigint PRIMARY KEY,
  changed bigint NOT NULL -- as of webhook
);
CREATE INDEX webhook_deleted_changed ON webhook_deleted(changed);

CREATE TABLE job(
  id       text    PRIMARY KEY,
  tenant   integer NOT NULL,
  webhook  bigint  NOT NULL,
  kind     text    NOT NULL,
  state    text    NOT NULL,
  since    bigint  NOT NULL,
  until    bigint  NOT NULL,
  cursor   bigint  NOT NULL, -- an event's or attempt's id
  scanned  bigint  NOT NULL,
  owed     bigint  NOT NULL,
  error    text    NOT NULL,
  created  bigint  NOT NULL,
  finished bigint  NOT NULL,
  fence    bigint  NOT NULL DEFAULT 0 -- the node that runs it; 0: none
);
CREATE INDEX job_running ON job(id) WHERE state = 'running';
CREATE INDEX job_by_tenant ON job(tenant, created);

-- Accepted events, one partition per UTC day of the ids' time: event_20261121.
-- No index but the key: each more would be paid by every event.
CREATE TABLE event(
  id         bigint  NOT NULL,
  tenant     integer NOT NULL,
  name       text    NOT NULL,
  type       text    NOT NULL,
  time       bigint  NOT NULL,
  version    bytea   NOT NULL, -- any bytes
  key        text    NOT NULL,
  deliver_at bigint  NOT NULL,
  cause      bigint  NOT NULL,
  attributes bytea,            -- any bytes, as data
  data       bytea   NOT NULL,
  CONSTRAINT event_pkey PRIMARY KEY (id)
) PARTITION BY RANGE (id);

-- Group commits of events that are not done: deleted when they are.
CREATE TABLE intake(
  id     bigint  PRIMARY KEY, -- of its first event; the others follow without a gap
  events integer NOT NULL,
  -- the node that delivers them; 0: nobody does; -1: nothing is here and
  -- nothing ever may be (see Store.settleUncertain)
  fence  bigint  NOT NULL
);

-- Idempotency keys.
CREATE TABLE event_key(
  id     uuid   PRIMARY KEY, -- half of the SHA-256 of tenant and key
  event  bigint NOT NULL,
  digest uuid   NOT NULL
);
CREATE INDEX event_key_by_event ON event_key(event);

-- Deliveries that cannot be finished now.
CREATE TABLE owed(
  event    bigint   NOT NULL,
  webhook  bigint   NOT NULL,
  tenant   integer  NOT NULL,
  due      bigint   NOT NULL,
  since    bigint   NOT NULL,
  attempts integer  NOT NULL,
  base     integer  NOT NULL,
  reason   smallint NOT NULL,
  ord      bigint   NOT NULL, -- 0: none
  claim    bigint   NOT NULL DEFAULT 0, -- who works on it, see claimBits; 0: nobody
  CONSTRAINT owed_pkey PRIMARY KEY (event, webhook)
);
CREATE INDEX owed_by_webhook ON owed(webhook, event);
CREATE INDEX owed_due ON owed(webhook, due, event) WHERE claim = 0 AND ord = 0;
CREATE INDEX owed_order ON owed(webhook, ord, event) WHERE ord <> 0;
CREATE INDEX owed_claimed ON owed(claim) WHERE claim <> 0;

-- The log, one partition per UTC day of the ids' time: attempt_20261121.
CREATE TABLE attempt(
  id       bigint   NOT NULL,
  tenant   integer  NOT NULL,
  webhook  bigint   NOT NULL,
  event    bigint   NOT NULL,
  at       bigint   NOT NULL,
  total_us bigint   NOT NULL,
  outcome  smallint NOT NULL,
  status   integer,           -- of a complete answer; -1: the request is in the attempt of another delivery
  type     text     NOT NULL, -- of the event
  detail   bytea    NOT NULL, -- all else, see detail.go
  CONSTRAINT attempt_pkey PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX attempt_by_webhook ON attempt(webhook, id);
CREATE INDEX attempt_by_event ON attempt(event);
CREATE INDEX attempt_failed ON attempt(webhook, id) WHERE outcome IN (3, 5);

-- How far the times of attempts of a day lie from those of their ids, where
-- that is more than usual, in ms: lists by time look that much further.
CREATE TABLE attempt_lag(
  day    bigint PRIMARY KEY, -- days since 1970, of the ids
  behind bigint NOT NULL,    -- the id is at most that much later
  ahead  bigint NOT NULL     -- the id is at most that much earlier
);

-- Counters per webhook and span of time; webhook 0: the tenant's webhooks summed.
CREATE TABLE rollup(
  tenant    integer  NOT NULL,
  webhook   bigint   NOT NULL,
  unit      smallint NOT NULL, -- minutes in a span: 1 or 60
  at        bigint   NOT NULL, -- the span's beginning in minutes since 1970
  delivered bigint   NOT NULL,
  retrying  bigint   NOT NULL,
  failed    bigint   NOT NULL,
  total_ms  bigint   NOT NULL,
  max_ms    bigint   NOT NULL,
  CONSTRAINT rollup_pkey PRIMARY KEY (tenant, webhook, unit, at)
);
CREATE INDEX rollup_by_time ON rollup(at);

-- Attempts of the node number above this id are not in rollup yet. Without a
-- row they all are.
CREATE TABLE rolled(
  number  smallint PRIMARY KEY,
  through bigint   NOT NULL
);
