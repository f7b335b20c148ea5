"""Python's cycle collector, told what kind of process this is.

A server holds a large heap that never dies (code, the market in memory) and makes many short-lived objects that reference
counting frees by itself. With the defaults the collector walks hundreds of requests in flight every 700 allocations, a sixth
of all server time in `bench/place.py`. What exists after start is frozen; the young are looked at every 50,000 allocations.
"""

import gc

YOUNG = 50_000
MIDDLE = 20
OLD = 50


def settle() -> None:
    """Call once when the process has loaded what it keeps."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
