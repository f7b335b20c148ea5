-- people: who may speak to us, who buys, whom we do not sell to.

CREATE TABLE api_keys (
  id              uuid PRIMARY KEY,
  hash            bytea NOT NULL UNIQUE,            -- SHA-256 of the whole key; the key itself is nowhere
  prefix          text NOT NULL,                    -- its first characters, for people to tell keys apart
  name            text NOT NULL,
  role            text NOT NULL CHECK (role IN ('admin', 'vendor', 'channel', 'customer')),
  subject         text COLLATE "C" NOT NULL,        -- vendor code, channel code, customer id; empty for an admin
  scopes          text[] NOT NULL,
  rate_per_minute integer CHECK (rate_per_minute > 0),
  issued_by       text NOT NULL,
  created_at      timestamptz NOT NULL,
  expires_at      timestamptz,
  revoked_at      timestamptz,
  revoked_by      text,
  used_at         timestamptz,                      -- to the minute or so: written in batches
  CHECK ((role = 'admin') = (subject = ''))
);

CREATE INDEX api_keys_subject ON api_keys (role, subject, id);

CREATE TABLE customers (
  id              uuid PRIMARY KEY,
  name            text NOT NULL,
  phone           text COLLATE "C" UNIQUE,          -- E.164; in this market the phone is the identity
  reference       text COLLATE "C" UNIQUE,          -- the name that another system knows a customer by
  email           text COLLATE "C",
  customer_group  text COLLATE "C",
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  CHECK (phone IS NOT NULL OR reference IS NOT NULL OR email IS NOT NULL)
);

CREATE INDEX customers_email ON customers (email) WHERE email IS NOT NULL;
CREATE INDEX customers_group ON customers (customer_group, id) WHERE customer_group IS NOT NULL;

CREATE TABLE buyer_blocks (
  id              uuid PRIMARY KEY,
  kind            text NOT NULL CHECK (kind IN ('phone', 'email', 'customer', 'address')),
  value           text COLLATE "C" NOT NULL,
  reason          text NOT NULL,
  blocked_by      text NOT NULL,
  created_at      timestamptz NOT NULL,
  until           timestamptz,
  lifted_at       timestamptz,
  lifted_by       text
);

CREATE UNIQUE INDEX buyer_blocks_standing ON buyer_blocks (kind, value) WHERE lifted_at IS NULL;
