-- Orders: what lists and searches need to find them. The truth is the stream in order_events; these rows are its fold
-- (domain/orders/projection.py), written in the same transaction.

CREATE TABLE orders (
  id uuid PRIMARY KEY,
  serial bigint NOT NULL UNIQUE,
  number text NOT NULL,
  status text NOT NULL,
  payment_status text NOT NULL,
  fulfilment_status text NOT NULL,
  holds text[] NOT NULL,
  channel text NOT NULL,
  external_id text,
  customer_id text,
  phone text NOT NULL,
  basket bigint NOT NULL,
  currency char(3) NOT NULL,
  items bigint NOT NULL,
  discount bigint NOT NULL,
  shipping bigint NOT NULL,
  tax bigint NOT NULL,
  fees bigint NOT NULL,
  grand bigint NOT NULL,
  version integer NOT NULL,
  placed_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
-- Ids are UUIDv7: sorted by id is sorted by time of placing, and every index here but the one by phone grows at its right end.
CREATE INDEX orders_by_status ON orders (status, id);
CREATE INDEX orders_by_phone ON orders (phone, id);
CREATE INDEX orders_by_customer ON orders (customer_id, id) WHERE customer_id IS NOT NULL;
CREATE INDEX orders_by_channel ON orders (channel, id);
CREATE INDEX orders_on_hold ON orders (id) WHERE holds <> '{}';
CREATE UNIQUE INDEX orders_by_external_id ON orders (channel, external_id) WHERE external_id IS NOT NULL;
-- `basket` = five-minute slot << 40 | fingerprint of buyer and basket: finds the same basket placed minutes ago.
CREATE INDEX orders_by_basket ON orders (basket);

CREATE TABLE order_lines (
  order_id uuid NOT NULL,
  line_no smallint NOT NULL,
  vendor text NOT NULL,
  sku text NOT NULL,
  quantity integer NOT NULL CHECK (quantity > 0),
  unit_price bigint NOT NULL,
  discount bigint NOT NULL,
  tax bigint NOT NULL,
  total bigint NOT NULL,
  buckets json NOT NULL,
  PRIMARY KEY (order_id, line_no)
);

CREATE TABLE vendor_orders (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL,
  vendor text NOT NULL,
  status text NOT NULL,
  items bigint NOT NULL,
  discount bigint NOT NULL,
  shipping bigint NOT NULL,
  tax bigint NOT NULL,
  total bigint NOT NULL,
  UNIQUE (order_id, vendor)
);
CREATE INDEX vendor_orders_by_vendor ON vendor_orders (vendor, order_id);
CREATE INDEX vendor_orders_by_status ON vendor_orders (vendor, status, order_id);
