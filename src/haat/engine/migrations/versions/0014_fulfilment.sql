-- Fulfilment: parcels as lists and couriers ask for them, every scan as it came, and what nodes did.

-- How a vendor works through its orders (domain/vendors: Handling).
ALTER TABLE vendors ADD COLUMN handling json NOT NULL DEFAULT '{}';

-- One row per parcel. `status` is ours and the fold of the order's facts; `carrier_status` is what the courier said last.
-- The row is written before a courier hears of the parcel: `reference` is our name for this try with this courier, by which a
-- booking whose answer was lost is looked up.
CREATE TABLE shipments (
  parcel uuid PRIMARY KEY,
  order_id uuid NOT NULL,
  number text NOT NULL,
  vendor_order uuid NOT NULL,
  vendor text COLLATE "C" NOT NULL,
  location text NOT NULL,
  district text NOT NULL,           -- where it goes, by our codes
  upazila text NOT NULL,
  status text NOT NULL,
  carrier_status text NOT NULL DEFAULT '',
  courier text,                     -- code of the connection; null: not chosen yet; 'self': the vendor brings it
  reference text UNIQUE,
  bookings smallint NOT NULL DEFAULT 0,
  consignment text,
  tracking_url text NOT NULL DEFAULT '',
  cash bigint NOT NULL DEFAULT 0 CHECK (cash >= 0),
  fee bigint NOT NULL DEFAULT 0,
  weight_g integer NOT NULL DEFAULT 0,
  tries smallint NOT NULL DEFAULT 0,
  reason text NOT NULL DEFAULT '',
  booked_at timestamptz,
  shipped_at timestamptz,
  delivered_at timestamptz,
  ended_at timestamptz,
  promised_at timestamptz,
  heard_at timestamptz,             -- when the courier last said anything
  updated_at timestamptz NOT NULL
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);  -- most updates are HOT: no index knows the everyday statuses
CREATE UNIQUE INDEX shipments_by_consignment ON shipments (courier, consignment) WHERE consignment IS NOT NULL;
CREATE INDEX shipments_by_order ON shipments (order_id);
CREATE INDEX shipments_by_booking ON shipments USING brin (booked_at);  -- a courier's day, where it is limited
CREATE INDEX shipments_by_end ON shipments USING brin (ended_at);      -- how a month's parcels fared
CREATE INDEX shipments_by_vendor ON shipments (vendor, parcel);
CREATE INDEX shipments_to_mind ON shipments (status, parcel) WHERE status IN ('uncertain', 'attempt_failed', 'returning', 'lost');
CREATE INDEX shipments_ended ON shipments (ended_at, courier) WHERE ended_at IS NOT NULL AND courier IS NOT NULL;
CREATE INDEX shipments_to_pick ON shipments (location, parcel) WHERE status IN ('planned', 'picking');

-- What couriers and people said of a parcel, as it came, in any order. The same saying twice is one row (`key`).
CREATE TABLE tracking_scans (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  parcel uuid NOT NULL,
  order_id uuid NOT NULL,
  courier text NOT NULL,
  consignment text NOT NULL,        -- of which booking; a parcel may have had several
  key text NOT NULL,
  status text NOT NULL,             -- of the one vocabulary; '' where something was said that moves nothing
  at timestamptz NOT NULL,          -- by the courier's clock
  scan json NOT NULL,               -- fulfilment.Scan
  source text NOT NULL CHECK (source IN ('hook', 'poll', 'hand', 'booking')),
  actor text NOT NULL,
  received_at timestamptz NOT NULL,
  UNIQUE (parcel, consignment, key)
);

-- What a node did with what it was given, as far as its next orders are judged by it. The whole story is in the journal.
CREATE TABLE node_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  location text NOT NULL,
  vendor text COLLATE "C" NOT NULL,
  order_id uuid NOT NULL,
  parcel uuid,
  kind text NOT NULL CHECK (kind IN ('rejected', 'short', 'handed_over', 'late')),
  reason text NOT NULL DEFAULT '',
  units integer NOT NULL DEFAULT 0,
  at timestamptz NOT NULL
);
CREATE INDEX node_events_by_location ON node_events (location, at);

-- where a courier (a connection of kind «courier») goes, and how it calls the place
CREATE TABLE courier_areas (
  courier     text NOT NULL,                     -- the connection's code
  district    text NOT NULL,                     -- our codes (domain/orders/geography.py)
  upazila     text NOT NULL DEFAULT '',          -- empty: the whole district
  area        text NOT NULL DEFAULT '',          -- plain words of an area within; empty: the whole upazila
  city_id     text NOT NULL DEFAULT '',          -- the courier's own ids, empty where it has no such level
  zone_id     text NOT NULL DEFAULT '',
  area_id     text NOT NULL DEFAULT '',
  name        text NOT NULL DEFAULT '',          -- what the courier calls it (RedX wants it beside the id)
  delivers    boolean NOT NULL DEFAULT true,
  collects    boolean NOT NULL DEFAULT true,     -- cash on delivery
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (courier, district, upazila, area)
);

-- what a courier takes for a parcel into a zone (dhaka, dhaka_suburb, outside, intl; * = any other), and how long it says it needs
CREATE TABLE courier_tariffs (
  courier     text NOT NULL,
  zone        text NOT NULL,
  tariff      jsonb NOT NULL,                    -- fulfilment.Tariff
  version     integer NOT NULL CHECK (version > 0),
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (courier, zone)
);

-- an admin's rules of courier choice, by rank
CREATE TABLE courier_rules (
  code        text PRIMARY KEY,
  rule        jsonb NOT NULL,                    -- fulfilment.CourierRule
  version     integer NOT NULL CHECK (version > 0),
  updated_at  timestamptz NOT NULL
);

-- how parcels of a month fared, by courier and place: the base of success rates and transit times. Rewritten by a job from the
-- shipments (verb: fulfilment.put_records), never counted up on the hot path.
CREATE TABLE courier_records (
  courier     text NOT NULL,
  district    text NOT NULL,
  upazila     text NOT NULL DEFAULT '',
  month       date NOT NULL,
  delivered   integer NOT NULL,
  returned    integer NOT NULL,
  lost        integer NOT NULL DEFAULT 0,
  days        integer[] NOT NULL DEFAULT '{}',   -- parcels delivered after 0, 1, 2, … days (the last: that many and more)
  PRIMARY KEY (courier, district, upazila, month)
);
