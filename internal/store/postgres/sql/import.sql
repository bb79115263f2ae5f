-- The table that says how far an import is; it is there only where one was.

-- name: Exists
SELECT count(*)
FROM pg_class
WHERE oid = to_regclass('relay_import');

-- name: Unfinished
SELECT count(*)
FROM relay_import
WHERE NOT done;

-- name: Create
CREATE TABLE IF NOT EXISTS relay_import(
  one      boolean PRIMARY KEY DEFAULT true CONSTRAINT relay_import_one CHECK (one),
  source   text    NOT NULL, -- names the installation
  events   bigint  NOT NULL DEFAULT 0, -- the last event stored
  attempts bigint  NOT NULL DEFAULT 0, -- the last entry of the log stored
  done     boolean NOT NULL DEFAULT false
);

-- name: State
SELECT source, events, attempts, done
FROM relay_import
FOR UPDATE;

-- name: Begin
INSERT INTO relay_import(source)
VALUES ($1)
ON CONFLICT (one) DO UPDATE SET source = excluded.source, events = 0, attempts = 0, done = false;

-- name: EventsThrough
UPDATE relay_import
SET events = $1;

-- name: AttemptsThrough
UPDATE relay_import
SET attempts = $1;

-- name: Done
UPDATE relay_import
SET done = true;

-- name: Revise
UPDATE relay_meta
SET revision = revision + 1, webhooks = webhooks + 1;

-- name: Nodes
SELECT count(*)
FROM node;

-- name: Tables
-- The tables that hold what an installation is made of.
SELECT c.relname::text
FROM pg_class c
WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('relay_meta'))
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname NOT LIKE 'relay\_%' AND c.relname NOT IN ('node', 'rolled')
ORDER BY 1;

-- name: Columns
SELECT column_name::text, data_type::text, is_identity::text
FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = $1;

-- name: Keys
INSERT INTO event_key(id, event, digest)
SELECT DISTINCT ON (id) id, event, digest
FROM unnest($1::uuid[], $2::bigint[], $3::uuid[]) k(id, event, digest)
ORDER BY id, event DESC
ON CONFLICT (id) DO UPDATE SET event = excluded.event, digest = excluded.digest;

-- name: Sequence
SELECT setval(pg_get_serial_sequence($1, $2), greatest($3::bigint, (SELECT max($COLUMN) FROM $TABLE), 1));

-- name: Counts
SELECT (SELECT count(*) FROM event WHERE id >= $1 AND id < $2),
  (SELECT count(*) FROM attempt WHERE id >= $1 AND id < $2);
