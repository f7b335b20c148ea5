"""Strategies of sourcing: one file each, declaring `STRATEGY` (the contract: `sourcing/strategy.py`). Found, not listed."""
