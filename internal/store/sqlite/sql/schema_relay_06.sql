-- What else an entry of the audit log says: of which kind its actor was, everything it was about, and the request. The ids
-- rise with time, so that the entries of this file and of gate.db are one list.
ALTER TABLE audit ADD COLUMN actor_kind TEXT NOT NULL DEFAULT 'key';
ALTER TABLE audit ADD COLUMN targets    TEXT NOT NULL DEFAULT ''; -- JSON array; '': see target
ALTER TABLE audit ADD COLUMN request    TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN address    TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN agent      TEXT NOT NULL DEFAULT '';
