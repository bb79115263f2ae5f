-- Deliveries that cannot be finished now.
CREATE TABLE owed(
  event    INTEGER NOT NULL,
  webhook  INTEGER NOT NULL,
  tenant   INTEGER NOT NULL,
  due      INTEGER NOT NULL, -- ms since 1970, as since
  since    INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  base     INTEGER NOT NULL,
  reason   INTEGER NOT NULL,
  sequence INTEGER NOT NULL, -- 0: in no order
  blocked  INTEGER NOT NULL, -- 1: a row of the same webhook and sequence has a lower event
  PRIMARY KEY (event, webhook)
) STRICT, WITHOUT ROWID;

CREATE INDEX owed_due ON owed(webhook, blocked, due, event);
CREATE INDEX owed_sequence ON owed(webhook, sequence, event) WHERE sequence <> 0;

-- Intakes that are done, above meta.closed_through: all up to that are done.
CREATE TABLE closed(
  intake INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE meta(
  closed_through INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (0);
