-- As in the database that several servers share, where the changes are numbered so that the others notice; here all have
-- the number 0.
ALTER TABLE webhook ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE TABLE webhook_deleted(
  number  INTEGER PRIMARY KEY,
  changed INTEGER NOT NULL
) STRICT;
