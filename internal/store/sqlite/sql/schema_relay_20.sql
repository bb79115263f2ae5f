-- The last day of which nothing is kept of a tenant whose retention is shorter than the installation's.
CREATE TABLE tenant_expired(
  tenant INTEGER PRIMARY KEY,
  day    INTEGER NOT NULL -- its beginning, in milliseconds since 1970
) STRICT;
