-- Tasks on many profiles: see audience.Task. Times are milliseconds since 1970, UTC.
CREATE TABLE audience_task(
  tenant   INTEGER NOT NULL,
  id       TEXT   NOT NULL,
  audience INTEGER NOT NULL,
  kind     TEXT   NOT NULL,
  state    TEXT   NOT NULL,
  body     TEXT   NOT NULL, -- JSON
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL,
  version  INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX audience_task_running ON audience_task(created) WHERE state = 'running';
CREATE INDEX audience_task_of ON audience_task(tenant, audience, created);

-- Rows of messages are removed after a time.
CREATE INDEX sync_expiring ON sync(entry) WHERE entry > 0 AND turn = 0;
