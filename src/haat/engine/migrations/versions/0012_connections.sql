-- engine/outside: those we speak with (gateways, couriers, transports), what they told us, what was said.

CREATE TABLE connections (
  code        text COLLATE "C" PRIMARY KEY,
  kind        text NOT NULL,                        -- gateway, courier, transport: which folder the plug-in is of
  plugin      text COLLATE "C" NOT NULL,
  title       text NOT NULL,
  active      boolean NOT NULL,
  priority    integer NOT NULL,
  config      jsonb NOT NULL,
  secrets     bytea NOT NULL,                       -- encrypted with a key of the installation; empty: none
  concurrency integer NOT NULL CHECK (concurrency BETWEEN 1 AND 1000),
  limit_s     integer NOT NULL CHECK (limit_s BETWEEN 1 AND 600),
  version     integer NOT NULL,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL
);

-- Access tokens that all processes share. Whoever gets a new one holds the row's lock, so only one asks at a time.
CREATE TABLE outside_tokens (
  connection  text COLLATE "C" NOT NULL,
  name        text COLLATE "C" NOT NULL,
  token       bytea NOT NULL,                       -- encrypted: the token, and what refreshes it
  expires_at  timestamptz NOT NULL,
  grants      timestamptz[] NOT NULL,               -- when it was asked for in the last hour
  PRIMARY KEY (connection, name)
);

CREATE TABLE hook_inbox (
  id          uuid PRIMARY KEY,
  kind        text NOT NULL,
  code        text COLLATE "C" NOT NULL,
  dedupe      bytea NOT NULL,                       -- SHA-256 of what makes the news the same news
  status      text NOT NULL CHECK (status IN ('waiting', 'done', 'failed')),
  attempts    integer NOT NULL,
  due_at      timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  done_at     timestamptz,
  times       integer NOT NULL,                     -- how often it was told
  method      text NOT NULL,
  headers     jsonb NOT NULL,                       -- those that are needed to read it; credentials taken out
  query       jsonb NOT NULL,
  body        bytea NOT NULL,
  problem     text NOT NULL,
  UNIQUE (code, dedupe)
);

CREATE INDEX hook_inbox_due ON hook_inbox (due_at, id) WHERE status = 'waiting';
CREATE INDEX hook_inbox_failed ON hook_inbox (received_at, id) WHERE status = 'failed';

-- What was said to whom, masked, for whoever has to find out what went wrong. Kept for days, not for ever.
CREATE TABLE outside_exchanges (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connection  text COLLATE "C" NOT NULL,
  subject     text COLLATE "C" NOT NULL,            -- what it was about: an attempt, a parcel
  at          timestamptz NOT NULL,
  took_ms     integer NOT NULL,
  method      text NOT NULL,
  url         text NOT NULL,
  status      integer NOT NULL,                     -- 0: no answer
  request     text NOT NULL,
  reply       text NOT NULL,
  problem     text NOT NULL
);

CREATE INDEX outside_exchanges_subject ON outside_exchanges (connection, subject, id);
CREATE INDEX outside_exchanges_at ON outside_exchanges (at);
