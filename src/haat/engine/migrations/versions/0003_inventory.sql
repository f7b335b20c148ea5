-- Stock by SKU and location, the reservations against it, and every movement with its cause.

CREATE TABLE locations (
  code text PRIMARY KEY,
  name text NOT NULL,
  name_bn text NOT NULL DEFAULT '',
  kind text NOT NULL DEFAULT 'warehouse',
  vendor text,                      -- null: run by the marketplace for all vendors
  country char(2) NOT NULL DEFAULT 'BD',
  district text NOT NULL DEFAULT '',
  priority smallint NOT NULL DEFAULT 100,
  active boolean NOT NULL DEFAULT true,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- available = on_hand - reserved; it may fall to -backorder_limit and no further, whatever the code above believes.
CREATE TABLE stock (
  sku text NOT NULL,
  location text NOT NULL REFERENCES locations,
  on_hand bigint NOT NULL DEFAULT 0 CHECK (on_hand >= 0),
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  backorder_limit bigint NOT NULL DEFAULT 0 CHECK (backorder_limit >= 0),
  expected_at timestamptz,          -- when backordered or pre-ordered units are expected
  safety json,                      -- units kept back, by channel code; "*" for every channel
  PRIMARY KEY (sku, location),
  CONSTRAINT stock_is_never_oversold CHECK (on_hand - reserved >= -backorder_limit)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.02);  -- every update is a HOT update

-- A reservation belongs to an order or to a cart's checkout (`owner`) and to one of its lines.
-- HELD (ends at expires_at) -> COMMITTED -> PICKED -> CONSUMED; RELEASED, EXPIRED, REASSIGNED.
CREATE TABLE order_reservations (
  owner uuid NOT NULL,
  line_no smallint NOT NULL,
  sku text NOT NULL,
  location text NOT NULL,
  quantity integer NOT NULL CHECK (quantity > 0),
  released integer NOT NULL DEFAULT 0 CHECK (released BETWEEN 0 AND quantity),      -- given back; the rest is what it holds
  consumed integer NOT NULL DEFAULT 0 CHECK (consumed >= 0 AND released + consumed <= quantity),  -- left the house
  backordered integer NOT NULL DEFAULT 0 CHECK (backordered BETWEEN 0 AND quantity), -- promised beyond what was on hand
  status text NOT NULL CHECK (status IN ('HELD', 'COMMITTED', 'PICKED', 'CONSUMED', 'RELEASED', 'EXPIRED', 'REASSIGNED')),
  expires_at timestamptz CHECK ((status = 'HELD') = (expires_at IS NOT NULL)),
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (owner, line_no, sku, location)
);
CREATE INDEX order_reservations_that_end ON order_reservations (expires_at) WHERE status = 'HELD';

-- What changed on_hand, and why. Reservations change `reserved` only and are their own history.
CREATE TABLE stock_movements (
  id uuid PRIMARY KEY,
  sku text NOT NULL,
  location text NOT NULL,
  quantity bigint NOT NULL CHECK (quantity <> 0),
  reason text NOT NULL,
  reference text NOT NULL DEFAULT '',
  actor text NOT NULL,
  at timestamptz NOT NULL,
  on_hand_after bigint NOT NULL
);
CREATE INDEX stock_movements_by_sku ON stock_movements (sku, id);
