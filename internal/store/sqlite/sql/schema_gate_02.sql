-- The gates' settings.
CREATE TABLE gate(
  tenant   INTEGER PRIMARY KEY,
  settings TEXT    NOT NULL -- JSON
) STRICT;
