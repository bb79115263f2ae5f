-- Answers to requests with the header Idempotency-Key, for half a day.
CREATE TABLE answer(
  key     bytea   PRIMARY KEY,
  tenant  integer NOT NULL,
  token   bytea   NOT NULL,
  request bytea   NOT NULL,
  sealed  bytea   NOT NULL, -- '': the request is under way
  at      bigint  NOT NULL
);
CREATE INDEX answer_by_time ON answer(at);

-- Random values that all servers of the installation have alike.
CREATE TABLE installation(
  name  text  PRIMARY KEY,
  value bytea NOT NULL
);
