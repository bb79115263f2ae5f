-- Second factors of people who sign in.
CREATE TABLE second_factor(
  person    text   PRIMARY KEY,
  sealed    bytea  NOT NULL, -- the secret that the person's app has, too
  created   bigint NOT NULL,
  confirmed bigint NOT NULL, -- 0: it is being set up
  step      bigint NOT NULL  -- the last time step whose code was used
);

-- Codes for when the app is lost; a row is deleted when its code is used.
CREATE TABLE recovery_code(
  person text  NOT NULL,
  hash   bytea NOT NULL,
  PRIMARY KEY (person, hash)
);

-- Sign-ins that wait for the second factor.
CREATE TABLE pending_login(
  hash    bytea  PRIMARY KEY,
  person  text   NOT NULL,
  method  text   NOT NULL,
  created bigint NOT NULL,
  expires bigint NOT NULL
);
CREATE INDEX pending_login_by_person ON pending_login(person);
