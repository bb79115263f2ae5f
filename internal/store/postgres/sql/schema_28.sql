-- The trace that an event was published in (W3C Trace Context): 16 bytes of the trace's id, 8 of the span's, 1 of flags.
ALTER TABLE event ADD COLUMN trace bytea;
