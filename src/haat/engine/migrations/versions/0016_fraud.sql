-- fraud: what was seen of each order that was screened, what was said of it, who decides, and by which rules.

-- Marks are keyed 64-bit hashes (domain/fraud/marks.py): nobody's phone, address, device or IP stands here. NULL = not known.
-- `seen` is the order of looking; an order counts only what was seen before it.
CREATE TABLE fraud_sightings (
  order_id  uuid PRIMARY KEY,
  seen      bigint GENERATED ALWAYS AS IDENTITY,
  at        timestamptz NOT NULL,
  phone     bigint,
  address   bigint,
  device    bigint,
  ip        bigint,
  account   bigint,
  amount    bigint NOT NULL,
  outcome   smallint NOT NULL DEFAULT 0,   -- 0 none yet, 1 expired, 2 cancelled, 3 rejected, 4 delivered, 5 returned, 6 refused: higher stands
  cod       boolean NOT NULL,
  channel   text NOT NULL,
  currency  text NOT NULL,
  names     integer[] NOT NULL             -- hashes of the sounds of the recipient's and the buyer's names
) WITH (fillfactor = 85);                  -- the outcome is written once, in place
CREATE INDEX fraud_sightings_by_phone ON fraud_sightings (phone, seen) WHERE phone IS NOT NULL;
CREATE INDEX fraud_sightings_by_address ON fraud_sightings (address, seen) WHERE address IS NOT NULL;
CREATE INDEX fraud_sightings_by_device ON fraud_sightings (device, seen) WHERE device IS NOT NULL;
CREATE INDEX fraud_sightings_by_ip ON fraud_sightings (ip, seen) WHERE ip IS NOT NULL;

-- Writes sightings and counts what was seen before each. Of k orders that share a phone, an address or a device each sees
-- exactly those before it, whoever screens them: each mark is locked, and an order whose mark another transaction holds is left
-- out of the answer and comes again (or goes uncounted against it, where it is `late`). Nobody waits, so nobody can wait in a
-- circle. IP addresses are shared by thousands and not locked. A function, because its statements see what was committed until
-- its locks were taken. The planner is told to walk the indexes: a plan made while the table was empty would be kept when it
-- has grown. The last seen count: 200 of 180 days for a phone, 50 for an address or device, 150 for an IP address; whoever has more
-- has long been noticed, and a door that thousands order to must not cost more than any other.
CREATE FUNCTION fraud_sight(
  ids uuid[], channels text[], currencies text[], phones bigint[], addresses bigint[], devices bigint[], ips bigint[],
  accounts bigint[], names_of text[], amounts bigint[], cods boolean[], ats timestamptz[],
  lates boolean[]
) RETURNS TABLE (
  id uuid,
  phone_hour bigint, phone_day bigint, phone_month bigint, phone_delivered bigint, phone_refused bigint, phone_cancelled bigint,
  phone_usual bigint, phone_most bigint, phone_day_least bigint, phone_day_most bigint, phone_named bigint, phone_strangers bigint,
  address_hour bigint, address_day bigint, address_refused bigint, address_phones bigint, address_accounts bigint,
  device_hour bigint, device_day bigint, device_phones bigint,
  ip_hour bigint, ip_day bigint, ip_phones bigint
) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = auto
AS $$
#variable_conflict use_column
DECLARE
  busy bigint[];
BEGIN
  SELECT coalesce(array_agg(g.mark) FILTER (WHERE NOT g.got), '{}') INTO busy FROM (
    SELECT m.mark, pg_try_advisory_xact_lock(1179795789, (m.mark >> 32)::integer) AS got
    FROM (SELECT DISTINCT u.mark FROM unnest(phones || addresses || devices) AS u (mark) WHERE u.mark <> 0) AS m
  ) AS g;
  INSERT INTO fraud_sightings (order_id, at, phone, address, device, ip, account, amount, cod, channel, currency, names)
  SELECT t.id, t.at, nullif(t.phone, 0), nullif(t.address, 0), nullif(t.device, 0), nullif(t.ip, 0), nullif(t.account, 0),
    t.amount, t.cod, t.channel, t.currency, t.names::integer[]
  FROM unnest(ids, channels, currencies, phones, addresses, devices, ips, accounts, names_of, amounts, cods, ats, lates)
    AS t (id, channel, currency, phone, address, device, ip, account, names, amount, cod, at, late)
  WHERE t.late OR busy = '{}' OR NOT ARRAY[t.phone, t.address, t.device] && busy
  ORDER BY t.at, t.id
  ON CONFLICT (order_id) DO NOTHING;
  RETURN QUERY
  SELECT c.order_id, p.*, a.*, d.*, i.*
  FROM unnest(ids) AS asked (id) JOIN fraud_sightings AS c ON c.order_id = asked.id
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE o.at > c.at - interval '1 hour'),
      count(*) FILTER (WHERE o.at > c.at - interval '1 day'),
      count(*) FILTER (WHERE o.at > c.at - interval '30 days'),
      count(*) FILTER (WHERE o.outcome = 4),
      count(*) FILTER (WHERE o.outcome >= 5),
      count(*) FILTER (WHERE o.outcome = 2),
      coalesce(avg(o.amount) FILTER (WHERE o.outcome = 4 AND o.currency = c.currency), 0)::bigint,
      coalesce(max(o.amount) FILTER (WHERE o.outcome = 4 AND o.currency = c.currency), 0),
      coalesce(min(o.amount) FILTER (WHERE o.at > c.at - interval '1 day' AND o.currency = c.currency), 0),
      coalesce(max(o.amount) FILTER (WHERE o.at > c.at - interval '1 day' AND o.currency = c.currency), 0),
      count(*) FILTER (WHERE o.names <> '{}' AND c.names <> '{}'),
      count(*) FILTER (WHERE o.names <> '{}' AND c.names <> '{}' AND NOT o.names && c.names)
    FROM (
      SELECT s.at, s.amount, s.outcome, s.currency, s.names FROM fraud_sightings AS s
      WHERE s.phone = c.phone AND s.seen < c.seen ORDER BY s.seen DESC LIMIT 200
    ) AS o WHERE o.at > c.at - interval '180 days'
  ) AS p
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE o.at > c.at - interval '1 hour'),
      count(*) FILTER (WHERE o.at > c.at - interval '1 day'),
      count(*) FILTER (WHERE o.outcome >= 5),
      count(DISTINCT o.phone) FILTER (WHERE o.phone <> c.phone),
      count(DISTINCT o.account) FILTER (WHERE o.account IS DISTINCT FROM c.account)
    FROM (
      SELECT s.at, s.outcome, s.phone, s.account FROM fraud_sightings AS s
      WHERE s.address = c.address AND s.seen < c.seen ORDER BY s.seen DESC LIMIT 50
    ) AS o WHERE o.at > c.at - interval '30 days'
  ) AS a
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE o.at > c.at - interval '1 hour'), count(*), count(DISTINCT o.phone) FILTER (WHERE o.phone <> c.phone)
    FROM (
      SELECT s.at, s.phone FROM fraud_sightings AS s
      WHERE s.device = c.device AND s.seen < c.seen ORDER BY s.seen DESC LIMIT 50
    ) AS o WHERE o.at > c.at - interval '1 day'
  ) AS d
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE o.at > c.at - interval '1 hour'), count(*), count(DISTINCT o.phone) FILTER (WHERE o.phone <> c.phone)
    FROM (
      SELECT s.at, s.phone FROM fraud_sightings AS s
      WHERE s.ip = c.ip AND s.seen < c.seen ORDER BY s.seen DESC LIMIT 150
    ) AS o WHERE o.at > c.at - interval '1 day'
  ) AS i;
END $$;

-- What a screening was done by: the rules' versions, weights and limits, the thresholds. Written once per combination.
CREATE TABLE fraud_rulebooks (
  digest   text PRIMARY KEY,
  content  json NOT NULL,
  at       timestamptz NOT NULL
);

-- The receipt of each screening: what the rules saw (`inputs`, no personal data) and said. `version` is the order's when it was screened.
CREATE TABLE fraud_detection_scores (
  order_id        uuid NOT NULL,
  version         integer NOT NULL,
  channel         text NOT NULL,
  score           integer NOT NULL CHECK (score BETWEEN 0 AND 1000),
  outcome         text NOT NULL CHECK (outcome IN ('pass', 'review', 'reject')),
  findings        json NOT NULL,
  inputs          json NOT NULL,
  scored          json NOT NULL,              -- what models said, by model
  rulebook        text NOT NULL,
  policy_version  integer NOT NULL,
  at              timestamptz NOT NULL,
  PRIMARY KEY (order_id, version)
);

-- Orders that a person has to look at. The hold on the order decides; this finds them by age and keeps what was decided.
CREATE TABLE fraud_reviews (
  order_id    uuid PRIMARY KEY,
  hold        text NOT NULL,
  channel     text NOT NULL,
  score       integer NOT NULL,
  findings    json NOT NULL,
  opened_at   timestamptz NOT NULL,
  until       timestamptz,
  closed_at   timestamptz,
  decision    text NOT NULL DEFAULT '',        -- approve, reject; or how the order ended meanwhile: cancelled, expired
  decided_by  text NOT NULL DEFAULT '',
  reason      text NOT NULL DEFAULT ''
);
CREATE INDEX fraud_reviews_open ON fraud_reviews (opened_at, order_id) WHERE closed_at IS NULL;

-- Policies by channel («default» for those without their own): a change is a new version, nothing is deleted.
CREATE TABLE fraud_policies (
  channel  text NOT NULL,
  version  integer NOT NULL CHECK (version > 0),
  content  json NOT NULL,
  by       text NOT NULL,
  at       timestamptz NOT NULL,
  PRIMARY KEY (channel, version)
);
