-- Who changed what of the configuration, and when. Written by the tables themselves, so that no verb can forget it and a change that goes
-- past Haat is seen, too. `before` and `after` hold the columns that differ; null: there was none, or there is none any more.
CREATE TABLE configuration_changes (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL DEFAULT now(),
  by      text NOT NULL,               -- an actor («admin:…», haat.by of the transaction); «database:ROLE» where nobody gave a name
  kind    text NOT NULL,               -- the table
  code    text NOT NULL,               -- its key, parts joined by /
  before  jsonb,
  after   jsonb
);
CREATE INDEX configuration_changes_of ON configuration_changes (kind, code, id);

-- Its arguments are the key's columns. What is sealed (bytea) is told as changed, never shown; counters and instants of a change say nothing.
CREATE FUNCTION note_configuration_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was     jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
  becomes jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
  differs text[];
  told    text[];
BEGIN
  SELECT array_agg(key) INTO differs
  FROM jsonb_object_keys(coalesce(becomes, was)) AS k (key)
  WHERE key NOT IN ('version', 'created_at', 'updated_at') AND was -> key IS DISTINCT FROM becomes -> key;
  IF differs IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT array_agg(coalesce(was, becomes) ->> name ORDER BY place) INTO told FROM unnest(TG_ARGV) WITH ORDINALITY AS k (name, place);
  IF 'secrets' = ANY (differs) THEN
    was := jsonb_set(was, '{secrets}', '"sealed"', false);
    becomes := jsonb_set(becomes, '{secrets}', '"sealed anew"', false);
  END IF;
  INSERT INTO configuration_changes (by, kind, code, before, after)
  SELECT coalesce(nullif(current_setting('haat.by', true), ''), 'database:' || session_user), TG_TABLE_NAME, array_to_string(told, '/'),
    (SELECT jsonb_object_agg(name, was -> name) FROM unnest(differs) AS d (name) WHERE was IS NOT NULL),
    (SELECT jsonb_object_agg(name, becomes -> name) FROM unnest(differs) AS d (name) WHERE becomes IS NOT NULL);
  RETURN NULL;
END $$;

DO $$
DECLARE
  watched text[];
BEGIN
  FOREACH watched SLICE 1 IN ARRAY ARRAY[
    ['connections', 'code'], ['payment_routing_rules', 'code'], ['courier_rules', 'code'], ['channels', 'code'], ['sourcing_rules', 'code'],
    ['sourcing_nodes', 'location'], ['locations', 'code'], ['price_lists', 'code'], ['promotions', 'code'], ['tax_rates', 'code'],
    ['shipping_rates', 'code'], ['fee_rates', 'code'], ['price_rules', 'code'], ['courier_tariffs', 'courier, zone'],
    ['courier_areas', 'courier, district, upazila, area']
  ] LOOP
    EXECUTE format('CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION note_configuration_change(%s)',
                   watched[1], (SELECT string_agg(quote_literal(name), ', ') FROM unnest(string_to_array(watched[2], ', ')) AS k (name)));
  END LOOP;
END $$;
