-- payments: which order an attempt belongs to, what every signal said, what went back, and by which rules a gateway is chosen.
-- The order's facts are the truth of its money; these rows find it (a hook names an attempt, not an order) and measure gateways.

CREATE TABLE payment_attempts (
  id                uuid PRIMARY KEY,
  order_id          uuid NOT NULL,
  tender            uuid NOT NULL,
  gateway           text NOT NULL,
  method            text NOT NULL,
  reference         text NOT NULL,             -- ours, as the gateway was told it
  gateway_reference text NOT NULL DEFAULT '',  -- the gateway's
  status            text NOT NULL,
  amount            bigint NOT NULL CHECK (amount > 0),
  captured          bigint NOT NULL DEFAULT 0 CHECK (captured >= 0),
  refunded          bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  currency          text NOT NULL,
  started_at        timestamptz NOT NULL,
  settled_at        timestamptz,               -- when it first succeeded or failed
  receipt           json                       -- why this gateway: the candidates with their scores
) WITH (fillfactor = 80, toast_tuple_target = 8160);

CREATE UNIQUE INDEX payment_attempts_by_reference ON payment_attempts (reference);
CREATE INDEX payment_attempts_by_order ON payment_attempts (order_id);
CREATE INDEX payment_attempts_by_gateway_reference ON payment_attempts (gateway, gateway_reference) WHERE gateway_reference <> '';
CREATE INDEX payment_attempts_settled ON payment_attempts (settled_at) INCLUDE (gateway, method, status) WHERE settled_at IS NOT NULL;

CREATE TABLE refunds (
  id         uuid PRIMARY KEY,
  order_id   uuid NOT NULL,
  tender     text NOT NULL,
  attempt    text NOT NULL,
  gateway    text NOT NULL,
  amount     bigint NOT NULL CHECK (amount > 0),
  currency   text NOT NULL,
  status     text NOT NULL,
  reason     text NOT NULL,
  reference  text NOT NULL DEFAULT '',         -- the gateway's name of the refund
  asked_at   timestamptz NOT NULL,
  settled_at timestamptz
);
CREATE INDEX refunds_by_order ON refunds (order_id);
CREATE INDEX refunds_open ON refunds (asked_at) WHERE settled_at IS NULL;

-- What every signal said of an attempt, also those that changed nothing. Append-only.
CREATE TABLE payment_signals (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  attempt     uuid NOT NULL,
  source      text NOT NULL,                   -- redirect | hook | poll | call
  observation json NOT NULL,
  counted     boolean NOT NULL,                -- whether it moved the order
  at          timestamptz NOT NULL
);
CREATE INDEX payment_signals_by_attempt ON payment_signals (attempt, id);

CREATE TABLE payment_routing_rules (
  code     text PRIMARY KEY,
  version  integer NOT NULL CHECK (version > 0),
  content  json NOT NULL
);
