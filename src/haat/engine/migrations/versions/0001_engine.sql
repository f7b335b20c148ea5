-- The engine's own tables: the journal and its followers, changes of reference data, idempotency, counted limits.

CREATE TABLE instance (
  key text PRIMARY KEY,
  value text NOT NULL
);
-- Orders' numbers are serials behind a permutation with this key (kernel/ids.py). It lives as long as the numbers do.
INSERT INTO instance (key, value) VALUES
  ('order_number_key', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')),
  -- Added to every position; raised when a restored database starts with younger transaction ids than its facts carry.
  ('position_base', '0');

CREATE SEQUENCE order_serials MINVALUE 0 START 0 INCREMENT 1000 CACHE 1;

-- The journal. `position` = base + (transaction id << 16) + place within the transaction: unique, increasing with the
-- transaction, and readable without gaps below the horizon of the oldest transaction that still writes (engine/journal.py).
CREATE TABLE order_events (
  position bigint PRIMARY KEY,
  order_id uuid NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  type text NOT NULL,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  cause text NOT NULL,
  trace text NOT NULL,
  data json NOT NULL,
  UNIQUE (order_id, version)
) WITH (toast_tuple_target = 8160);  -- facts of up to 8 kB stay in the row, uncompressed: pglz costs more than it saves here

CREATE FUNCTION refuse_to_change_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER order_events_are_append_only BEFORE UPDATE OR DELETE ON order_events
  FOR EACH ROW EXECUTE FUNCTION refuse_to_change_history();
CREATE TRIGGER order_events_are_not_truncated BEFORE TRUNCATE ON order_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history();

-- The streams that leave the journal: one row per follower, with the last position it has dealt with.
CREATE TABLE order_event_streams (
  name text PRIMARY KEY,
  position bigint NOT NULL DEFAULT 0,
  carrier text NOT NULL DEFAULT 'postgres',
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- Which reference data changed (catalogue, prices, vendors …): what every process drops from its memory.
CREATE TABLE reference_changes (
  position bigint PRIMARY KEY,
  kind text NOT NULL,
  keys text[] NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);

CREATE SEQUENCE reference_change_places MINVALUE 0 MAXVALUE 65535 CYCLE;

CREATE TABLE idempotency_keys (
  scope text NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  subject uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys USING brin (created_at);

-- Counted limits: coupon uses, budgets, purchases per customer. `used` never passes `cap`; the database says so too.
CREATE TABLE quotas (
  key text PRIMARY KEY,
  used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
  cap bigint NOT NULL,
  CHECK (used <= cap)
) WITH (fillfactor = 50);
