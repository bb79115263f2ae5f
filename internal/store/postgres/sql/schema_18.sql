-- Tasks on many profiles: see audience.Task. Times are milliseconds since 1970, UTC.
CREATE TABLE audience_task(
  tenant   bigint NOT NULL,
  id       text   NOT NULL,
  audience bigint NOT NULL,
  kind     text   NOT NULL,
  state    text   NOT NULL,
  body     text   NOT NULL, -- JSON
  created  bigint NOT NULL,
  updated  bigint NOT NULL,
  version  bigint NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX audience_task_running ON audience_task(created) WHERE state = 'running';
CREATE INDEX audience_task_of ON audience_task(tenant, audience, created);

-- Rows of messages are removed after a time.
CREATE INDEX sync_expiring ON sync(entry) WHERE entry > 0 AND turn = 0;
