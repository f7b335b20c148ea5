"""What is always true, one file each: `INVARIANT = Invariant(code=…, title=…, title_bn=…, owner=…, check=…)` (insight/auditing.py).

A new one is a new file; `haat audit`, the worker and the simulation find it. It reads any table, writes none, and has to find
what it is there for: tests/contracts/test_invariants.py breaks each on purpose.
"""
