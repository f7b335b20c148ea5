-- carts: what somebody is about to buy. One small row; the document is the cart (domain/carts/cart.py), the columns find it.

CREATE TABLE carts (
  id          uuid PRIMARY KEY,
  channel     text NOT NULL,
  owner       text NOT NULL,                -- the customer it belongs to; empty for a guest's
  open        boolean NOT NULL,             -- neither ordered nor merged into another
  version     integer NOT NULL CHECK (version > 0),
  content     json NOT NULL,
  updated_at  timestamptz NOT NULL
) WITH (fillfactor = 50, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);  -- a change of a cart is a HOT update

-- A customer has one open cart in a channel; whoever logs in on a second device finds it again.
CREATE UNIQUE INDEX carts_one_open_of_a_customer ON carts (owner, channel) WHERE open AND owner <> '';
CREATE INDEX carts_by_age ON carts USING brin (updated_at);
