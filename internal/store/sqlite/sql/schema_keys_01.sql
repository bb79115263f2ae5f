-- Idempotency keys of events. Derived data: made again from the events when lost.
CREATE TABLE idempotency_key(
  -- 64 bits of the hash of tenant and key: integers are compared and stored
  -- much faster than bytes. Of two keys that agree in them (one pair among
  -- billions) the older is forgotten.
  id     INTEGER PRIMARY KEY,
  event  INTEGER NOT NULL, -- stored with it
  proof  BLOB    NOT NULL  -- 8 more bytes of the hash, 16 of what the publisher sent
) STRICT;

CREATE TABLE meta(
  -- the keys of all events up to this id are here
  through      INTEGER NOT NULL,
  -- keys of events before this id were removed already
  swept_before INTEGER NOT NULL,
  -- hashed with each key, so that nobody can make keys that agree
  salt         BLOB    NOT NULL
) STRICT;
INSERT INTO meta VALUES (0, 0, randomblob(16));
