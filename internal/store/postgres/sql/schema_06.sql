-- How often each kind of configuration has changed, so that a change makes the
-- other servers read that kind again and no other. Webhooks have their own
-- number in relay_meta.
CREATE TABLE revision(
  kind text   PRIMARY KEY,
  n    bigint NOT NULL
);
