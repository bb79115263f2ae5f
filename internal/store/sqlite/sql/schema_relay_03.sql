-- Changes of a webhook since it was created: one that was read before another
-- change is not stored over that.
ALTER TABLE webhook ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
