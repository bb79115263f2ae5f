-- What keys of the scope publish are limited to.
ALTER TABLE api_key ADD COLUMN limits text NOT NULL DEFAULT ''; -- JSON; '': there are no limits
