-- Second factors of people who sign in.
CREATE TABLE second_factor(
  person    TEXT    PRIMARY KEY,
  sealed    BLOB    NOT NULL, -- the secret that the person's app has, too
  created   INTEGER NOT NULL,
  confirmed INTEGER NOT NULL, -- 0: it is being set up
  step      INTEGER NOT NULL  -- the last time step whose code was used
) STRICT, WITHOUT ROWID;

-- Codes for when the app is lost; a row is deleted when its code is used.
CREATE TABLE recovery_code(
  person TEXT NOT NULL,
  hash   BLOB NOT NULL,
  PRIMARY KEY (person, hash)
) STRICT, WITHOUT ROWID;

-- Sign-ins that wait for the second factor.
CREATE TABLE pending_login(
  hash    BLOB    PRIMARY KEY,
  person  TEXT    NOT NULL,
  method  TEXT    NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_login_by_person ON pending_login(person);
