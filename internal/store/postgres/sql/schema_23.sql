-- Passkeys of people. The keys are public; of challenges that were answered there is a hash, until they would not hold
-- any longer.
CREATE TABLE passkey(
  id         text    PRIMARY KEY,
  person     text    NOT NULL,
  name       text    NOT NULL,
  party      text    NOT NULL, -- the name of the site that it belongs to
  credential bytea   NOT NULL UNIQUE,
  key        bytea   NOT NULL, -- COSE
  counter    bigint  NOT NULL,
  flags      bigint  NOT NULL,
  created    bigint  NOT NULL,
  used       bigint  NOT NULL  -- 0: not yet
);
CREATE INDEX passkey_by_person ON passkey(person, created);

CREATE TABLE passkey_challenge(
  hash    bytea   PRIMARY KEY,
  expires bigint  NOT NULL
);
CREATE INDEX passkey_challenge_by_expiry ON passkey_challenge(expires);
