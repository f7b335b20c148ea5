"""Whoever is stuck is seen: each dead step is an open exception of its order, by the same name, and each exception a dead step."""

from collections.abc import Sequence

from haat.engine.database import Tx
from haat.insight.auditing import At, Invariant, Page, Wrong


async def _look(tx: Tx, page: Page, at: At) -> Sequence[Wrong]:
    del tx, at
    found: list[Wrong] = []
    for order in page.orders:
        dead = {s.id: s for s in page.steps.get(order.id, ()) if s.status == "dead"}
        shown = {trouble.id: trouble for trouble in order.exceptions}
        for name in sorted(dead.keys() - shown.keys()):
            found.append(Wrong(order.id, f"step {name} ({dead[name].flow}:{dead[name].step}) is dead and no exception tells so"))
        for name in sorted(shown.keys() - dead.keys()):
            if name.replace(".", "").isdecimal():  # the others were raised by hand, or of no step
                found.append(Wrong(order.id, f"exception {name} ({shown[name].flow}:{shown[name].step}) is open and its step is not dead"))
    return found


INVARIANT = Invariant(
    code="exceptions",
    title="Dead steps and open exceptions are the same",
    title_bn="থেমে যাওয়া প্রতিটি ধাপ একটি খোলা ব্যতিক্রম",
    owner="operations",
    look=_look,
)
