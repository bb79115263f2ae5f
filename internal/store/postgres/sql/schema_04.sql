-- The gates' settings.
CREATE TABLE gate(
  tenant   integer PRIMARY KEY,
  settings text    NOT NULL -- JSON
);

-- Who changed what.
CREATE TABLE audit(
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant     integer NOT NULL,
  at         bigint  NOT NULL,
  actor      text    NOT NULL,
  actor_name text    NOT NULL,
  action     text    NOT NULL,
  target     text    NOT NULL,
  before     text    NOT NULL, -- JSON, or ''
  after      text    NOT NULL
);
CREATE INDEX audit_by_tenant ON audit(tenant, id);
