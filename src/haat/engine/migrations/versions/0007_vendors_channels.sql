-- vendors: who sells. What the law makes us know about them stands apart, so that no everyday query can carry it along.

CREATE TABLE vendors (
  code            text COLLATE "C" PRIMARY KEY,
  name_en         text NOT NULL,
  name_bn         text NOT NULL,
  status          text NOT NULL CHECK (status IN ('invited', 'onboarding', 'in_review', 'approved', 'on_leave',
                                                  'restricted', 'suspended', 'rejected', 'terminated')),
  city            text NOT NULL,
  zone            text NOT NULL,
  country         text NOT NULL,
  timezone        text NOT NULL,
  phone           text,
  email           text,
  holiday         boolean NOT NULL,                 -- closed until the vendor says otherwise
  hours           json NOT NULL,                    -- [[weekday, opens, closes], …]; empty: never closed
  closures        json NOT NULL,                    -- [[first day, last day], …]
  version         integer NOT NULL,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL
);

CREATE INDEX vendors_status ON vendors (status, code);

CREATE TABLE vendor_kyc (
  vendor          text COLLATE "C" PRIMARY KEY REFERENCES vendors (code),
  bin             text NOT NULL,
  tin             text NOT NULL,
  trade_licence   text NOT NULL,
  dbid            text NOT NULL,
  nid             text NOT NULL,
  updated_by      text NOT NULL,
  updated_at      timestamptz NOT NULL
);

CREATE TABLE vendor_status_changes (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  vendor          text COLLATE "C" NOT NULL REFERENCES vendors (code),
  from_status     text NOT NULL,
  to_status       text NOT NULL,
  reason          text NOT NULL,
  changed_by      text NOT NULL,
  at              timestamptz NOT NULL
);

CREATE INDEX vendor_status_changes_vendor ON vendor_status_changes (vendor, id);

-- channels: where orders come from.

CREATE TABLE channels (
  code                text COLLATE "C" PRIMARY KEY,
  kind                text NOT NULL CHECK (kind IN ('web', 'app', 'api', 'marketplace', 'social', 'b2b', 'agent')),
  name                text NOT NULL,
  currency            text NOT NULL,
  language            text NOT NULL,
  price_list          text COLLATE "C",             -- the list that prices come from when no better one matches
  external_pricing    boolean NOT NULL,             -- orders may bring their own prices and freight
  active              boolean NOT NULL,
  version             integer NOT NULL,
  created_at          timestamptz NOT NULL,
  updated_at          timestamptz NOT NULL
);
