-- People as identity providers know them, and what sessions that began there remember of it.
CREATE TABLE identity(
  issuer   TEXT    NOT NULL,
  subject  TEXT    NOT NULL,
  person   TEXT    NOT NULL,
  provider TEXT    NOT NULL, -- by which settings the person came first
  created  INTEGER NOT NULL,
  seen     INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
-- A person is known to an issuer by one subject.
CREATE UNIQUE INDEX identity_by_person ON identity(person, issuer);

ALTER TABLE tenant_user ADD COLUMN provider TEXT NOT NULL DEFAULT ''; -- which gives the role; empty: an admin
ALTER TABLE session ADD COLUMN provider TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN sid TEXT NOT NULL DEFAULT ''; -- the provider's id of its session
ALTER TABLE session ADD COLUMN proved INTEGER NOT NULL DEFAULT 0; -- when the person last proved who they are; 0: unknown
UPDATE session SET proved = created;
CREATE INDEX session_by_sid ON session(sid) WHERE sid <> '';
