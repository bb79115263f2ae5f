-- What the operator chooses of a tenant, and its state.
ALTER TABLE tenant ADD COLUMN settings TEXT    NOT NULL DEFAULT '{}'; -- JSON
ALTER TABLE tenant ADD COLUMN life     TEXT    NOT NULL DEFAULT '{}'; -- JSON
ALTER TABLE tenant ADD COLUMN updated  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenant ADD COLUMN version  INTEGER NOT NULL DEFAULT 1; -- changes since it was made; 1 for a new one
