-- Links into the portals of tenants, and the sessions begun by them. Of keys and tokens there is a hash.
CREATE TABLE portal_link(
  id      text    PRIMARY KEY,
  hash    bytea   NOT NULL UNIQUE,
  tenant  bigint  NOT NULL,
  session text    NOT NULL, -- that of the tenant's product; '': none
  body    text    NOT NULL, -- JSON: what the link gives
  created bigint  NOT NULL,
  expires bigint  NOT NULL,
  opens   bigint  NOT NULL  -- so far
);
CREATE INDEX portal_link_by_tenant ON portal_link(tenant, id);
CREATE INDEX portal_link_by_expiry ON portal_link(expires);

CREATE TABLE portal_session(
  id      text    PRIMARY KEY,
  hash    bytea   NOT NULL UNIQUE,
  tenant  bigint  NOT NULL,
  link    text    NOT NULL,
  session text    NOT NULL, -- as the link's
  body    text    NOT NULL, -- as the link's
  created bigint  NOT NULL,
  expires bigint  NOT NULL
);
CREATE INDEX portal_session_by_tenant ON portal_session(tenant, link);
CREATE INDEX portal_session_by_expiry ON portal_session(expires);
