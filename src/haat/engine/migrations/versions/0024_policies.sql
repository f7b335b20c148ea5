-- A policy is never changed, only followed by its next version: what was in force at a time can be told years later.
CREATE TABLE policies (
  code     text NOT NULL,
  version  integer NOT NULL CHECK (version > 0),
  policy   json NOT NULL,
  by       text NOT NULL,
  at       timestamptz NOT NULL,
  PRIMARY KEY (code, version)
);
