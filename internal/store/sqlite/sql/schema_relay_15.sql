-- Which product a webhook belongs to, as in its settings: each has a limit of its own.
ALTER TABLE webhook ADD COLUMN owner TEXT NOT NULL DEFAULT '';
UPDATE webhook SET owner = coalesce(json_extract(settings, '$.owner'), '');
CREATE INDEX webhook_by_tenant ON webhook(tenant, owner);
