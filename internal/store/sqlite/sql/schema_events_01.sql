-- One UTC day of accepted events, by the time of their ids.
-- A row is an intake: events with consecutive ids, accepted in one commit.
CREATE TABLE block(
  id        INTEGER PRIMARY KEY, -- of its first event
  events    INTEGER NOT NULL,    -- how many
  raw_bytes INTEGER NOT NULL,    -- size before compression
  crc       INTEGER NOT NULL,    -- CRC32C of body
  body      BLOB    NOT NULL     -- records (see record.go), S2
) STRICT;
