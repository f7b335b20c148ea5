-- Who serves in a party's place while its breaker is open: another connection of the same kind; empty: the next best.
ALTER TABLE connections ADD COLUMN fallback text COLLATE "C" NOT NULL DEFAULT '';
