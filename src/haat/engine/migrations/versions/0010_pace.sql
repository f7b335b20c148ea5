-- insight/signals: units sold by SKU and hour. A read model: may be dropped and rebuilt from the journal at any time.
CREATE TABLE sku_pace (
  sku text NOT NULL,
  hour timestamptz NOT NULL,
  units bigint NOT NULL,
  PRIMARY KEY (sku, hour)
);
