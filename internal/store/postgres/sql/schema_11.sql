-- People who sign in: one row each for the whole installation.
CREATE TABLE person(
  id       text   PRIMARY KEY,
  email    text   NOT NULL CONSTRAINT person_email_unique UNIQUE,
  password text   NOT NULL, -- a hash in PHC form; '': none yet
  created  bigint NOT NULL
);

-- What they are in a tenant, or, with tenant 0, in the installation.
CREATE TABLE tenant_user(
  person  text    NOT NULL,
  tenant  integer NOT NULL,
  email   text    COLLATE "C" NOT NULL, -- the person's, by which lists are ordered
  name    text    NOT NULL,
  role    text    NOT NULL,
  state   text    NOT NULL,
  created bigint  NOT NULL,
  seen    bigint  NOT NULL,
  version bigint  NOT NULL,
  PRIMARY KEY (person, tenant)
);
CREATE UNIQUE INDEX tenant_user_by_email ON tenant_user(tenant, email);

CREATE TABLE session(
  id      text   PRIMARY KEY,
  hash    bytea  NOT NULL CONSTRAINT session_hash_unique UNIQUE,
  person  text   NOT NULL,
  created bigint NOT NULL,
  seen    bigint NOT NULL,
  expires bigint NOT NULL,
  address text   NOT NULL,
  agent   text   NOT NULL,
  method  text   NOT NULL
);
CREATE INDEX session_by_person ON session(person);

-- Links by which somebody signs in once.
CREATE TABLE login_link(
  hash    bytea   PRIMARY KEY,
  kind    text    NOT NULL,
  person  text    NOT NULL,
  tenant  integer NOT NULL,
  created bigint  NOT NULL,
  expires bigint  NOT NULL,
  CONSTRAINT login_link_unique UNIQUE (person, kind, tenant)
);
