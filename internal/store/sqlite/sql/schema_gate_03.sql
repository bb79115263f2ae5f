-- The audit log of what this file holds, so that a change and its entry are one transaction; as in relay.db.
CREATE TABLE audit(
  id         INTEGER PRIMARY KEY,
  tenant     INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  actor      TEXT    NOT NULL,
  actor_name TEXT    NOT NULL,
  action     TEXT    NOT NULL,
  target     TEXT    NOT NULL,
  before     TEXT    NOT NULL, -- JSON, or ''
  after      TEXT    NOT NULL,
  actor_kind TEXT    NOT NULL,
  targets    TEXT    NOT NULL, -- JSON array
  request    TEXT    NOT NULL,
  address    TEXT    NOT NULL,
  agent      TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_by_tenant ON audit(tenant, id);
