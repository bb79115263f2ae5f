-- Who changed what.
CREATE TABLE audit(
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant     INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  actor      TEXT    NOT NULL,
  actor_name TEXT    NOT NULL,
  action     TEXT    NOT NULL,
  target     TEXT    NOT NULL,
  before     TEXT    NOT NULL, -- JSON, or ''
  after      TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_by_tenant ON audit(tenant, id);
