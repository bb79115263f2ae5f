-- Answers to requests with the header Idempotency-Key, for half a day.
CREATE TABLE answer(
  key     BLOB    PRIMARY KEY,
  tenant  INTEGER NOT NULL,
  token   BLOB    NOT NULL,
  request BLOB    NOT NULL,
  sealed  BLOB    NOT NULL, -- x'': the request is under way
  at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX answer_by_time ON answer(at);

-- Random values that all servers of the installation have alike.
CREATE TABLE installation(
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
