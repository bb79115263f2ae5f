-- Passkeys of people. The keys are public; of challenges that were answered there is a hash, until they would not hold
-- any longer.
CREATE TABLE passkey(
  id         TEXT    PRIMARY KEY,
  person     TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  party      TEXT    NOT NULL, -- the name of the site that it belongs to
  credential BLOB    NOT NULL UNIQUE,
  key        BLOB    NOT NULL, -- COSE
  counter    INTEGER NOT NULL,
  flags      INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  used       INTEGER NOT NULL  -- 0: not yet
) STRICT, WITHOUT ROWID;
CREATE INDEX passkey_by_person ON passkey(person, created);

CREATE TABLE passkey_challenge(
  hash    BLOB    PRIMARY KEY,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX passkey_challenge_by_expiry ON passkey_challenge(expires);
