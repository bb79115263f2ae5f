-- People as identity providers know them, and what sessions that began there remember of it.
CREATE TABLE identity(
  issuer   text   NOT NULL,
  subject  text   NOT NULL,
  person   text   NOT NULL,
  provider text   NOT NULL, -- by which settings the person came first
  created  bigint NOT NULL,
  seen     bigint NOT NULL,
  PRIMARY KEY (issuer, subject)
);
-- A person is known to an issuer by one subject.
CREATE UNIQUE INDEX identity_by_person ON identity(person, issuer);

ALTER TABLE tenant_user ADD COLUMN provider text NOT NULL DEFAULT ''; -- which gives the role; empty: an admin
ALTER TABLE session ADD COLUMN provider text NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN sid text NOT NULL DEFAULT ''; -- the provider's id of its session
ALTER TABLE session ADD COLUMN proved bigint NOT NULL DEFAULT 0; -- when the person last proved who they are; 0: unknown
UPDATE session SET proved = created;
CREATE INDEX session_by_sid ON session(sid) WHERE sid <> '';
