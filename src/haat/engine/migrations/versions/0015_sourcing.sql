-- Sourcing: which node sends what, by whose rule, and what was considered.

-- Settings of a location as a node of fulfilment; a location without a row has the usual ones. Its row is the lock on its day.
CREATE TABLE sourcing_nodes (
  location text PRIMARY KEY REFERENCES locations,
  version integer NOT NULL,
  settings jsonb NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE sourcing_rules (
  code text PRIMARY KEY,
  version integer NOT NULL,
  position integer NOT NULL,
  rule jsonb NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE TABLE sourcing_rule_versions (
  code text NOT NULL,
  version integer NOT NULL,
  rule jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (code, version)
);

-- Parcels planned at nodes that have a capacity, by the day on which they are to leave.
CREATE TABLE sourcing_days (
  location text NOT NULL,
  day date NOT NULL,
  parcels integer NOT NULL,
  PRIMARY KEY (location, day)
) WITH (fillfactor = 50);

-- One row for each time that parcels were planned for an order; `version` is how many facts the order had.
CREATE TABLE order_fulfillment_plans (
  id uuid NOT NULL,
  order_id uuid NOT NULL,
  version integer NOT NULL,
  strategy text NOT NULL,
  rule text NOT NULL,
  rule_version integer NOT NULL,
  cost bigint NOT NULL,
  plan json NOT NULL,
  alternatives json NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (order_id, id)
);

-- Who waits for goods to arrive.
CREATE INDEX order_reservations_that_wait ON order_reservations (sku) WHERE backordered > 0;
