-- Idempotency keys of events. Derived data: made again from the events when lost.
CREATE TABLE idempotency_key(
  hash   BLOB    PRIMARY KEY, -- of tenant and key, 16 bytes
  event  INTEGER NOT NULL,    -- stored with it
  digest BLOB    NOT NULL     -- of what the publisher sent, 16 bytes
) STRICT, WITHOUT ROWID;

CREATE TABLE meta(
  -- the keys of all events up to this id are here
  through      INTEGER NOT NULL,
  -- keys of events before this id were removed already
  swept_before INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (0, 0);
