-- What recovery after a crash brings back may lack the last commits, which a
-- node believes were made. So a crash ends all registrations: it empties this
-- table, and each write of a node, which proves that it is in it, is refused
-- until it has joined again. So does a failover to a standby.
ALTER TABLE node SET UNLOGGED;
