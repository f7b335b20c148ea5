"""The world in a box: the buyers, vendors, gateways and couriers that Haat lives among, simulated and seeded.

parties (gateways/, couriers/, inboxes)   real HTTP servers that speak the wire protocols of the real ones, with faults
players (players/)                        buyers with habits, vendors with moods, a desk; they use Haat's public API only
dice ─ faults ─ agenda ─ clock            one seed decides everything, by what a thing is called and not by when it arrives
truth                                     what really happened, to be compared with what Haat believes (`/_world`)

It is another program beside Haat: it imports nothing of it and meets it by HTTP only. `python -m haat_world` runs it.
"""

import sys
from pathlib import Path


def gentle(url: str, keys: Path, *, port: int = 0) -> list[str]:
    """The command line of a world that plays beside a demo: six orders a minute, which reach their buyers within two minutes.

    It waits until Haat answers, keeps its books beside the keys, and ends with SIGTERM or (`--tied`) with its input.
    """
    kept = ["--books", str(keys.with_name("world.books"))]
    return [sys.executable, "-m", "haat_world", "play", "--gentle", "--url", url, "--keys", str(keys), "--port", str(port), *kept]


__all__ = ["gentle"]
