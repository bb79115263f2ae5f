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
  PRIMARY KEY (event, webhook)
) STRICT, WITHOUT ROWID;

CREATE INDEX owed_due ON owed(webhook, due, event);

-- Intakes that are done, above meta.closed_through: all up to that are done.
CREATE TABLE closed(
  intake INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE meta(
  closed_through INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (0);
