"""Floor 3: what joins modules and only reads: search, invariants, later analytics, reports and alerts."""
