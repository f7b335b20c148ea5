-- Rules of prices. Each is one checked document under its code; `version` counts its changes and every version that ever
-- held stays in pricing_history, so that a receipt from years ago can still be explained.

CREATE TABLE pricing_state (
  id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  version bigint NOT NULL DEFAULT 0    -- of all rules together; whoever changes rules holds this row, so versions never overlap
);

INSERT INTO pricing_state DEFAULT VALUES;

CREATE TABLE price_lists (
  code text PRIMARY KEY,
  version integer NOT NULL DEFAULT 1,
  rule jsonb NOT NULL CHECK (rule ? 'currency'),
  updated_at timestamptz NOT NULL
);

-- The only large table here: found by SKU, read with the product.
CREATE TABLE prices (
  sku text NOT NULL,
  list text NOT NULL REFERENCES price_lists,
  min_quantity integer NOT NULL CHECK (min_quantity > 0),
  starts_at timestamptz NOT NULL DEFAULT '-infinity',
  ends_at timestamptz,
  amount bigint NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (sku, list, min_quantity, starts_at),
  CHECK (ends_at > starts_at)
);

CREATE TABLE promotions (
  code text PRIMARY KEY,
  version integer NOT NULL DEFAULT 1,
  rule jsonb NOT NULL CHECK (rule ? 'kind' AND rule ? 'args'),
  updated_at timestamptz NOT NULL
);

-- Shared codes (batch '') are part of the rules in memory; the millions of a generated batch are looked up when typed.
CREATE TABLE coupons (
  code text PRIMARY KEY CHECK (code = upper(code)),
  promotion text NOT NULL REFERENCES promotions,
  uses bigint CHECK (uses > 0),        -- null: as often as the promotion allows
  customer text,                       -- null: anybody
  batch text NOT NULL DEFAULT '',
  starts_at timestamptz,
  ends_at timestamptz,
  active boolean NOT NULL DEFAULT true,
  updated_at timestamptz NOT NULL,
  CHECK (ends_at > starts_at)
);

CREATE INDEX coupons_batch ON coupons (batch, code);

CREATE TABLE tax_rates (
  code text PRIMARY KEY,               -- class@zone@start
  version integer NOT NULL DEFAULT 1,
  rule jsonb NOT NULL CHECK ((rule ->> 'rate')::integer >= 0),
  updated_at timestamptz NOT NULL
);

CREATE TABLE shipping_rates (
  code text PRIMARY KEY,
  version integer NOT NULL DEFAULT 1,
  rule jsonb NOT NULL CHECK ((rule ->> 'amount')::bigint >= 0),
  updated_at timestamptz NOT NULL
);

CREATE TABLE fee_rates (
  code text PRIMARY KEY,
  version integer NOT NULL DEFAULT 1,
  rule jsonb NOT NULL CHECK (rule ? 'payment_method' <> (rule ? 'service')),
  updated_at timestamptz NOT NULL
);

CREATE TABLE price_rules (
  code text PRIMARY KEY,
  version integer NOT NULL DEFAULT 1,
  rule jsonb NOT NULL CHECK (rule ? 'signal'),
  updated_at timestamptz NOT NULL
);

CREATE TABLE pricing_history (
  kind text NOT NULL,                  -- the table
  code text NOT NULL,
  version integer NOT NULL,
  rule jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (kind, code, version)
);

-- Why an order costs what it costs: the receipt of its quote. Written once, with the order.
CREATE TABLE order_calculations (
  order_id uuid PRIMARY KEY,
  rules_version bigint NOT NULL,
  receipt json NOT NULL,
  created_at timestamptz NOT NULL
);
