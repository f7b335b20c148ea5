"""A buyer whom somebody blocked since the order was placed, or whose block the placing could not see.

The finding says what matched and never why: that is written for the desk.
"""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

POINTS = 1000
_BANGLA = {"phone": "ফোন", "email": "ই-মেইল", "customer": "অ্যাকাউন্ট", "address": "ঠিকানা"}


def check(case: Case, limits: Limits) -> Suspicion | None:
    del limits
    if not case.block:
        return None
    return Suspicion(
        POINTS,
        "blocked",
        f"The buyer's {case.block} is on the block list.",
        f"ক্রেতার {_BANGLA.get(case.block, case.block)} ব্লক তালিকায় আছে।",
        {"on": case.block},
    )


RULE = Rule("blocklist", 1, "Blocked buyers", "ব্লক করা ক্রেতা", check)
