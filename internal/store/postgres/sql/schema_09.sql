-- Of deleted webhooks, by which id their log is asked for. Those deleted before
-- have none.
ALTER TABLE webhook_deleted ADD COLUMN id text NOT NULL DEFAULT '', ADD COLUMN tenant integer NOT NULL DEFAULT 0;
CREATE INDEX webhook_deleted_by_id ON webhook_deleted(id);
