-- People who sign in: one row each for the whole installation.
CREATE TABLE person(
  id       TEXT    PRIMARY KEY,
  email    TEXT    NOT NULL CONSTRAINT person_email_unique UNIQUE,
  password TEXT    NOT NULL, -- a hash in PHC form; '': none yet
  created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What they are in a tenant, or, with tenant 0, in the installation.
CREATE TABLE tenant_user(
  person  TEXT    NOT NULL,
  tenant  INTEGER NOT NULL,
  email   TEXT    NOT NULL, -- the person's, by which lists are ordered
  name    TEXT    NOT NULL,
  role    TEXT    NOT NULL,
  state   TEXT    NOT NULL,
  created INTEGER NOT NULL,
  seen    INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (person, tenant)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenant_user_by_email ON tenant_user(tenant, email);

CREATE TABLE session(
  id      TEXT    PRIMARY KEY,
  hash    BLOB    NOT NULL CONSTRAINT session_hash_unique UNIQUE,
  person  TEXT    NOT NULL,
  created INTEGER NOT NULL,
  seen    INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  address TEXT    NOT NULL,
  agent   TEXT    NOT NULL,
  method  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_person ON session(person);

-- Links by which somebody signs in once.
CREATE TABLE login_link(
  hash    BLOB    PRIMARY KEY,
  kind    TEXT    NOT NULL,
  person  TEXT    NOT NULL,
  tenant  INTEGER NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  CONSTRAINT login_link_unique UNIQUE (person, kind, tenant)
) STRICT, WITHOUT ROWID;
