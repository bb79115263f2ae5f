-- Profiles in journeys. Times are milliseconds since 1970, UTC.
CREATE TABLE enrolment(
  tenant  INTEGER NOT NULL,
  id      TEXT    NOT NULL, -- rises with time
  journey INTEGER NOT NULL,
  version INTEGER NOT NULL, -- of the journey
  profile TEXT    NOT NULL,
  key     TEXT    NOT NULL, -- tells the runs of a profile apart
  entry   TEXT    NOT NULL, -- what started it
  state   TEXT    NOT NULL,
  step    TEXT    NOT NULL, -- '': the end
  due     INTEGER NOT NULL, -- 0: not by itself; below 0: it is held, its journey is paused
  claimed INTEGER NOT NULL, -- until then by a server
  body    TEXT    NOT NULL, -- JSON, see journey.Notes
  keep    INTEGER NOT NULL, -- until then after its end
  ended   INTEGER NOT NULL, -- 0: it is inside
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  rev     INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT;
-- An event starts one, and of one key there is one inside.
CREATE UNIQUE INDEX enrolment_entry ON enrolment(tenant, journey, entry);
CREATE UNIQUE INDEX enrolment_inside ON enrolment(tenant, journey, profile, key) WHERE ended = 0;
CREATE INDEX enrolment_list ON enrolment(tenant, journey, id);
CREATE INDEX enrolment_of ON enrolment(tenant, profile, journey);
CREATE INDEX enrolment_due ON enrolment(due, id) WHERE due > 0;
CREATE INDEX enrolment_held ON enrolment(tenant, journey) WHERE due < 0;
CREATE INDEX enrolment_kept ON enrolment(keep) WHERE ended > 0;

-- Steps that enrolments have taken.
CREATE TABLE journey_trace(
  tenant    INTEGER NOT NULL,
  enrolment TEXT    NOT NULL,
  n         INTEGER NOT NULL,
  profile   TEXT    NOT NULL,
  at        INTEGER NOT NULL,
  step      TEXT    NOT NULL,
  kind      TEXT    NOT NULL,
  words     TEXT    NOT NULL,
  PRIMARY KEY (tenant, enrolment, n)
) STRICT;
CREATE INDEX journey_trace_of ON journey_trace(tenant, profile);
CREATE INDEX journey_trace_at ON journey_trace(at);

-- What steps send.
CREATE TABLE journey_send(
  tenant     INTEGER NOT NULL,
  id         TEXT    NOT NULL,
  enrolment  TEXT    NOT NULL,
  journey    INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  profile    TEXT    NOT NULL,
  step       TEXT    NOT NULL,
  connection TEXT    NOT NULL,
  operation  TEXT    NOT NULL,
  state      TEXT    NOT NULL,
  payload    BLOB,
  words      TEXT    NOT NULL,
  at         INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX journey_send_of ON journey_send(tenant, enrolment);
CREATE INDEX journey_send_to ON journey_send(tenant, profile, journey, at);
CREATE INDEX journey_send_at ON journey_send(at);
CREATE INDEX journey_send_new ON journey_send(at) WHERE state = 'new';

-- Who has entered audiences that journeys watch, and left them.
CREATE TABLE crossing(
  tenant   INTEGER NOT NULL,
  id       INTEGER NOT NULL,
  audience INTEGER NOT NULL,
  profile  TEXT    NOT NULL,
  entered  INTEGER NOT NULL, -- 1; 0: it has left
  at       INTEGER NOT NULL,
  PRIMARY KEY (tenant, id, audience, profile)
) STRICT;
CREATE INDEX crossing_by_profile ON crossing(tenant, profile);
CREATE INDEX crossing_at ON crossing(at, id);
