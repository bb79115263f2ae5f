-- The event that brought a send to the engine, by which the log knows it; 0: it was not handed over, or by an earlier version.
ALTER TABLE journey_send ADD COLUMN event INTEGER NOT NULL DEFAULT 0;
