-- notifications: what is told to whom about an order, written down before it leaves.

CREATE TABLE notifications (
  id           uuid PRIMARY KEY,
  order_id     uuid NOT NULL,
  version      integer NOT NULL,                    -- of the fact that is told
  event        text COLLATE "C" NOT NULL,
  role         text NOT NULL CHECK (role IN ('customer', 'vendor', 'admin')),
  party        text COLLATE "C" NOT NULL,           -- customer id, vendor code, owner of an exception; empty for a guest
  channel      text NOT NULL CHECK (channel IN ('email', 'sms', 'webhook')),
  recipient    text COLLATE "C" NOT NULL,           -- address or E.164 phone; empty: the connection's own address
  resend       smallint NOT NULL DEFAULT 0,         -- 0: the telling itself; every resend on request counts up
  resent_from  uuid,
  asked_by     text NOT NULL DEFAULT '',
  language     text NOT NULL,
  subject      text NOT NULL,
  body         text NOT NULL,
  parts        smallint NOT NULL,                   -- of an SMS
  data         json NOT NULL,                       -- what the text was made of; the payload of a webhook
  urgent       boolean NOT NULL,
  status       text NOT NULL CHECK (status IN ('due', 'sending', 'sent', 'failed', 'unknown', 'stale', 'declined')),
  reason       text NOT NULL,                       -- why it is not sent, in words
  connection   text COLLATE "C" NOT NULL DEFAULT '',
  reference    text NOT NULL DEFAULT '',            -- what the gateway calls it
  attempts     smallint NOT NULL DEFAULT 0,
  doubtful     boolean NOT NULL DEFAULT false,      -- an earlier try by this connection may have arrived
  claim        uuid,                                -- of the sender that has it
  lease_until  timestamptz,
  due_at       timestamptz NOT NULL,
  fact_at      timestamptz NOT NULL,
  created_at   timestamptz NOT NULL,
  first_try_at timestamptz,
  sent_at      timestamptz,
  UNIQUE (order_id, version, role, recipient, channel, resend)
);

CREATE INDEX notifications_due ON notifications (channel, due_at) WHERE status = 'due';
CREATE INDEX notifications_sending ON notifications (lease_until) WHERE status = 'sending';
CREATE INDEX notifications_status ON notifications (status, id) WHERE status <> 'sent';

-- An operator's own text for one event, role, channel and language. Every version is kept.
CREATE TABLE notification_templates (
  event        text COLLATE "C" NOT NULL,
  role         text COLLATE "C" NOT NULL,
  channel      text COLLATE "C" NOT NULL,
  language     text COLLATE "C" NOT NULL,
  version      integer NOT NULL,
  text         text NOT NULL,                       -- empty: back to the text that Haat brings
  written_by   text NOT NULL,
  written_at   timestamptz NOT NULL,
  PRIMARY KEY (event, role, channel, language, version)
);

-- What somebody wants to be told, and when. `who`: customer:<id>, phone:<E.164>, email:<address>, vendor:<code>.
CREATE TABLE notification_preferences (
  who          text COLLATE "C" PRIMARY KEY,
  preference   json NOT NULL,
  version      integer NOT NULL,
  written_by   text NOT NULL,
  written_at   timestamptz NOT NULL
);

-- One row: how this shop tells things (name, language, quiet hours, who looks after exceptions).
CREATE TABLE notification_manners (
  id           boolean PRIMARY KEY DEFAULT true CHECK (id),
  manners      json NOT NULL,
  version      integer NOT NULL,
  written_by   text NOT NULL,
  written_at   timestamptz NOT NULL
);

-- When a connection with a rate limit may send again (the theoretical arrival time of GCRA).
CREATE TABLE notification_pace (
  connection   text COLLATE "C" PRIMARY KEY,
  next_at      timestamptz NOT NULL
);
