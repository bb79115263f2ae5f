-- Profiles in journeys. Times are milliseconds since 1970, UTC.
CREATE TABLE enrolment(
  tenant  bigint  NOT NULL,
  id      text    NOT NULL, -- rises with time
  journey bigint  NOT NULL,
  version bigint  NOT NULL, -- of the journey
  profile text    NOT NULL,
  key     text    NOT NULL, -- tells the runs of a profile apart
  entry   text    NOT NULL, -- what started it
  state   text    NOT NULL,
  step    text    NOT NULL, -- '': the end
  due     bigint  NOT NULL, -- 0: not by itself; below 0: it is held, its journey is paused
  claimed bigint  NOT NULL, -- until then by a server
  body    text    NOT NULL, -- JSON, see journey.Notes
  keep    bigint  NOT NULL, -- until then after its end
  ended   bigint  NOT NULL, -- 0: it is inside
  created bigint  NOT NULL,
  updated bigint  NOT NULL,
  rev     bigint  NOT NULL,
  PRIMARY KEY (tenant, id)
);
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
  tenant    bigint  NOT NULL,
  enrolment text    NOT NULL,
  n         bigint  NOT NULL,
  profile   text    NOT NULL,
  at        bigint  NOT NULL,
  step      text    NOT NULL,
  kind      text    NOT NULL,
  words     text    NOT NULL,
  PRIMARY KEY (tenant, enrolment, n)
);
CREATE INDEX journey_trace_of ON journey_trace(tenant, profile);
CREATE INDEX journey_trace_at ON journey_trace(at);

-- What steps send.
CREATE TABLE journey_send(
  tenant     bigint  NOT NULL,
  id         text    NOT NULL,
  enrolment  text    NOT NULL,
  journey    bigint  NOT NULL,
  version    bigint  NOT NULL,
  profile    text    NOT NULL,
  step       text    NOT NULL,
  connection text    NOT NULL,
  operation  text    NOT NULL,
  state      text    NOT NULL,
  payload    bytea,
  words      text    NOT NULL,
  at         bigint  NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX journey_send_of ON journey_send(tenant, enrolment);
CREATE INDEX journey_send_to ON journey_send(tenant, profile, journey, at);
CREATE INDEX journey_send_at ON journey_send(at);
CREATE INDEX journey_send_new ON journey_send(at) WHERE state = 'new';

-- Who has entered audiences that journeys watch, and left them.
CREATE TABLE crossing(
  tenant   bigint  NOT NULL,
  id       bigint  NOT NULL,
  audience bigint  NOT NULL,
  profile  text    NOT NULL,
  entered  bigint  NOT NULL, -- 1; 0: it has left
  at       bigint  NOT NULL,
  PRIMARY KEY (tenant, id, audience, profile)
);
CREATE INDEX crossing_by_profile ON crossing(tenant, profile);
CREATE INDEX crossing_at ON crossing(at, id);
