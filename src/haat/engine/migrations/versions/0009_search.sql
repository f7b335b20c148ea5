-- insight/search: the words of every order. A read model: may be dropped and rebuilt from the journal at any time.
CREATE TABLE order_search (
  order_id uuid PRIMARY KEY,
  words tsvector NOT NULL
);
ALTER TABLE order_search ALTER COLUMN words SET STATISTICS 1000;
CREATE INDEX order_search_by_words ON order_search USING gin (words);

-- Every word of letters that any order has: what a beginning may become. Words with digits are asked for whole.
CREATE TABLE order_search_words (
  word text COLLATE "C" PRIMARY KEY
);
