-- When keys were last used, and from where. Written once a minute at most.
CREATE TABLE key_use(
  id      text   PRIMARY KEY, -- the key's
  tenant  bigint NOT NULL,
  at      bigint NOT NULL,
  address text   NOT NULL -- '': not known
);
CREATE INDEX key_use_by_tenant ON key_use(tenant);
