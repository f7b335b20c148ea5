-- catalogue: what is for sale. Texts that are keys sort by bytes, here and in Python alike.

CREATE TABLE categories (
  code        text COLLATE "C" PRIMARY KEY,
  parent      text COLLATE "C",
  path        text[] COLLATE "C" NOT NULL,          -- from the root down to the category itself
  name_en     text NOT NULL,
  name_bn     text NOT NULL,
  position    integer NOT NULL,
  active      boolean NOT NULL,
  CHECK (path[cardinality(path)] = code)
);

-- One row is one SKU. Variants of one thing, and the offers of several vendors for it, share `product`.
CREATE TABLE products (
  sku                   text COLLATE "C" PRIMARY KEY,
  product               text COLLATE "C" NOT NULL,
  vendor                text COLLATE "C" NOT NULL,
  category              text COLLATE "C",
  status                text NOT NULL CHECK (status IN ('active', 'draft', 'archived')),
  name_en               text NOT NULL,
  name_bn               text NOT NULL,
  tax_class             text NOT NULL,
  price                 bigint NOT NULL CHECK (price >= 0),
  currency              text NOT NULL,
  weight_g              integer NOT NULL CHECK (weight_g >= 0),
  size_mm               integer[],                  -- length, width, height
  options               json,                       -- [["size", "M"], ["colour", "red"]]
  kit                   boolean NOT NULL,           -- its components stand in kit_parts
  quantity_min          integer NOT NULL CHECK (quantity_min >= 1),
  quantity_max          integer CHECK (quantity_max >= quantity_min),
  purchase_limit        integer CHECK (purchase_limit >= 1),
  purchase_days         integer CHECK (purchase_days >= 1),
  backorder             text CHECK (backorder IN ('backorder', 'preorder')),
  backorder_limit       integer CHECK (backorder_limit >= 1),
  expected_at           timestamptz,                -- when a back-ordered or pre-ordered unit can be sent
  image                 text NOT NULL,
  detail                json NOT NULL,              -- descriptions, attributes, images: what a page shows and selling does not need
  words                 tsvector NOT NULL,          -- composed by words.py, so that every PostgreSQL cuts Bangla alike
  digest                bytea NOT NULL,             -- of the sheet; an upsert that changes nothing writes nothing
  version               integer NOT NULL,
  created_at            timestamptz NOT NULL,
  updated_at            timestamptz NOT NULL
);

CREATE INDEX products_product ON products (product, sku);
CREATE INDEX products_vendor ON products (vendor, sku);
CREATE INDEX products_category ON products (category, sku);
CREATE INDEX products_unsold ON products (status, sku) WHERE status <> 'active';
CREATE INDEX products_words ON products USING gin (words) WITH (fastupdate = on, gin_pending_list_limit = 16384);

CREATE TABLE kit_parts (
  kit         text COLLATE "C" NOT NULL REFERENCES products (sku) ON DELETE CASCADE,
  part        text COLLATE "C" NOT NULL REFERENCES products (sku),
  quantity    integer NOT NULL CHECK (quantity >= 1),
  PRIMARY KEY (kit, part),
  CHECK (kit <> part)
);

CREATE INDEX kit_parts_part ON kit_parts (part);

CREATE TABLE product_imports (
  id              uuid PRIMARY KEY,
  source          text NOT NULL,
  format          text NOT NULL CHECK (format IN ('ndjson', 'csv')),
  vendor          text COLLATE "C",                 -- when set, only rows of this vendor are taken
  started_by      text NOT NULL,
  status          text NOT NULL CHECK (status IN ('running', 'done', 'failed', 'cancelled')),
  reason          text NOT NULL DEFAULT '',
  bytes_total     bigint,
  bytes_done      bigint NOT NULL DEFAULT 0,        -- every record that ends before this offset is settled
  lines_done      bigint NOT NULL DEFAULT 0,
  header          text[],                           -- of a CSV file: what a resumed reader needs to know
  created         bigint NOT NULL DEFAULT 0,
  changed         bigint NOT NULL DEFAULT 0,
  unchanged       bigint NOT NULL DEFAULT 0,
  rejected        bigint NOT NULL DEFAULT 0,
  errors          json NOT NULL DEFAULT '[]',       -- the first ones; `rejected` counts them all
  started_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  finished_at     timestamptz
);

CREATE INDEX product_imports_started ON product_imports (started_at DESC, id);
