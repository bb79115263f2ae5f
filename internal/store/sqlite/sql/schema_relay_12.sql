-- When keys were last used, and from where. Written once a minute at most.
CREATE TABLE key_use(
  id      TEXT    PRIMARY KEY, -- the key's
  tenant  INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  address TEXT    NOT NULL -- '': not known
) STRICT, WITHOUT ROWID;
CREATE INDEX key_use_by_tenant ON key_use(tenant);
