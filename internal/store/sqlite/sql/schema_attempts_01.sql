-- The log of one UTC day (of the ids' time). What Record commits:
CREATE TABLE block(
  id        INTEGER PRIMARY KEY, -- of its first entry; the others follow without a gap
  entries   INTEGER NOT NULL,
  raw_bytes INTEGER NOT NULL,    -- length before compression
  crc       INTEGER NOT NULL,    -- CRC32C of body
  body      BLOB NOT NULL        -- see log_codec.go
) STRICT;

-- Everything below is derived from the blocks up to meta.indexed_through.
-- Some thousand entries at a time, a chunk, are added in the order of the keys.

CREATE TABLE chunk(
  id   INTEGER PRIMARY KEY, -- of its first block
  last INTEGER NOT NULL     -- id of its last block
) STRICT;

-- The blocks of a chunk that hold entries of a webhook, or of a tenant. The
-- chunk comes first, so that rows are only ever added at the end: with the
-- webhook first every one of them would change another page in each chunk.
CREATE TABLE by_webhook(
  chunk   INTEGER NOT NULL,
  webhook INTEGER NOT NULL,
  kinds   INTEGER NOT NULL, -- which outcomes and statuses occur: see log_index.go
  blocks  BLOB NOT NULL,    -- likewise
  PRIMARY KEY (chunk, webhook)
) STRICT, WITHOUT ROWID;
CREATE TABLE by_tenant(
  chunk  INTEGER NOT NULL,
  tenant INTEGER NOT NULL,
  kinds  INTEGER NOT NULL,
  blocks BLOB NOT NULL,
  PRIMARY KEY (chunk, tenant)
) STRICT, WITHOUT ROWID;

CREATE TABLE by_event(
  event   INTEGER NOT NULL,
  webhook INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  PRIMARY KEY (event, webhook, attempt)
) STRICT, WITHOUT ROWID;

-- Counters per webhook and span of time; webhook 0: the tenant's webhooks
-- summed. The span comes first so that the rows written together lie together.
CREATE TABLE rollup(
  unit      INTEGER NOT NULL, -- minutes in a span: 1 or 60
  at        INTEGER NOT NULL, -- the span's beginning in minutes since 1970
  tenant    INTEGER NOT NULL,
  webhook   INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  retrying  INTEGER NOT NULL,
  failed    INTEGER NOT NULL,
  total_ms  INTEGER NOT NULL,
  max_ms    INTEGER NOT NULL,
  PRIMARY KEY (unit, at, tenant, webhook)
) STRICT, WITHOUT ROWID;

-- indexed_through: the id of the last entry the tables above know.
-- lag_min, lag_max: bounds of id time minus beginning of the attempts, in ms.
CREATE TABLE meta(
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
