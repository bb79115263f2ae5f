-- What the operator chooses of a tenant, and its state.
ALTER TABLE tenant
  ADD COLUMN settings text   NOT NULL DEFAULT '{}', -- JSON
  ADD COLUMN life     text   NOT NULL DEFAULT '{}', -- JSON
  ADD COLUMN updated  bigint NOT NULL DEFAULT 0,
  ADD COLUMN version  bigint NOT NULL DEFAULT 1; -- changes since it was made; 1 for a new one
