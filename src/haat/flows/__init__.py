"""Floor 3: what joins modules and writes. One folder or file per story of an order; flows do not know each other."""
