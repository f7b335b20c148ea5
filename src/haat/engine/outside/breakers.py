"""A breaker per connection: after several failures in a row a party is left alone for a while, then tried with one call.

The counting is that of the library `circuitbreaker`; added here is that only one call tries a breaker that is half open, that a call
which was cancelled says nothing, and that of calls made side by side those say nothing behind whose beginning another one was
answered: time-outs of calls that began together end together, and that is no outage. Breakers are of one process: each finds out by
itself within a few calls.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from circuitbreaker import CircuitBreaker

from haat.kernel.errors import HaatError, Unavailable
from haat.kernel.outside import Unknown

FAILURES = 5  # in a row: one lost answer or two are weather, five are an outage
OPEN_S = 30.0  # long enough for a restart over there, short enough for a buyer who waits


class Breakers:
    """The breakers of one process, by connection."""

    def __init__(self, *, failures: int = FAILURES, open_s: float = OPEN_S) -> None:
        self._failures = failures
        self._open_s = open_s
        self._breakers: dict[str, CircuitBreaker] = {}
        self._trying: set[str] = set()
        self._answered: dict[str, int] = {}

    def is_open(self, code: str) -> bool:
        """Whether a call to this connection would be turned away now."""
        known = self._breakers.get(code)
        return known is not None and (known.opened or (known.state == "half_open" and code in self._trying))

    def open_for_s(self, code: str) -> int:
        """Seconds until the next call is let through; 0 where one would be."""
        known = self._breakers.get(code)
        return max(int(known.open_remaining), 0) if known is not None and known.opened else 0

    def close(self, code: str) -> None:
        """Forget what was counted: somebody has set the connection up anew."""
        self._breakers.pop(code, None)

    @contextmanager
    def passing(self, code: str) -> Iterator[None]:
        """Let one call through, as its only try while half open. Raises Unavailable where the breaker is open."""
        breaker = self._breakers.setdefault(code, CircuitBreaker(self._failures, self._open_s, name=code))
        if self.is_open(code):
            raise Unavailable(
                "outside_open", f"{code} has failed too often; it is left alone for now.", retry_after_s=self.open_for_s(code) or 1
            )
        trial = breaker.state == "half_open"
        if trial:
            self._trying.add(code)
        try:
            yield
        finally:
            if trial:
                self._trying.discard(code)

    def answered(self, code: str) -> int:
        """How often this party answered so far: asked when a call begins, and told to `note` when it ends."""
        return self._answered.get(code, 0)

    def note(self, code: str, problem: HaatError | None, *, since: int | None = None) -> None:
        """One exchange ended well (None), or the party was in trouble. `since`: what `answered` said when it began."""
        breaker = self._breakers.get(code)
        if problem is None:
            self._answered[code] = self.answered(code) + 1
        elif since is not None and since != self.answered(code):
            return
        if breaker is not None:
            with suppress(Unavailable, Unknown), breaker:
                if problem is not None:
                    raise problem
