-- Links into the portals of tenants, and the sessions begun by them. Of keys and tokens there is a hash.
CREATE TABLE portal_link(
  id      TEXT    PRIMARY KEY,
  hash    BLOB    NOT NULL UNIQUE,
  tenant  INTEGER NOT NULL,
  session TEXT    NOT NULL, -- that of the tenant's product; '': none
  body    TEXT    NOT NULL, -- JSON: what the link gives
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  opens   INTEGER NOT NULL  -- so far
) STRICT, WITHOUT ROWID;
CREATE INDEX portal_link_by_tenant ON portal_link(tenant, id);
CREATE INDEX portal_link_by_expiry ON portal_link(expires);

CREATE TABLE portal_session(
  id      TEXT    PRIMARY KEY,
  hash    BLOB    NOT NULL UNIQUE,
  tenant  INTEGER NOT NULL,
  link    TEXT    NOT NULL,
  session TEXT    NOT NULL, -- as the link's
  body    TEXT    NOT NULL, -- as the link's
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX portal_session_by_tenant ON portal_session(tenant, link);
CREATE INDEX portal_session_by_expiry ON portal_session(expires);
