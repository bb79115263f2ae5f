-- Of deleted webhooks, by which id their log is asked for. Those deleted before
-- have none.
ALTER TABLE webhook_deleted ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE webhook_deleted ADD COLUMN tenant INTEGER NOT NULL DEFAULT 0;
CREATE INDEX webhook_deleted_by_id ON webhook_deleted(id);
