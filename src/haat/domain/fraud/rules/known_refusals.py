"""Parcels that this phone or this address refused at the door, or sent back undelivered.

What counts is the share that we may be sure of, the lower end of Wilson's interval (Wilson 1927, 90 %), so that one refusal among
two parcels says little and nine among ten much. Only what we saw ourselves in 180 days counts; nobody is marked for ever.
"""

from math import sqrt

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

Z = 1.645
POINTS_OF_ALL = 1000
POINTS_OF_ADDRESS = 60
POINTS_PREPAID = 4  # what is paid before costs us the journey only: a quarter


def certain_share(refused: int, parcels: int) -> int:
    """The lower bound of the share of refusals, in thousandths."""
    if not refused:
        return 0
    share = refused / parcels
    spread = Z * sqrt(share * (1 - share) / parcels + Z * Z / (4 * parcels * parcels))
    return max(0, int(1000 * (share + Z * Z / (2 * parcels) - spread) / (1 + Z * Z / parcels)))


def check(case: Case, limits: Limits) -> Suspicion | None:
    seen = case.seen
    parcels = seen.phone_refused + seen.phone_delivered
    points = 0
    if seen.phone_refused >= limits["refused_min"]:
        points = POINTS_OF_ALL * certain_share(seen.phone_refused, parcels) // 1000
    if seen.address_refused >= limits["address_refused_min"]:
        points += POINTS_OF_ADDRESS
    if not case.cod:
        points //= POINTS_PREPAID
    if not points:
        return None
    return Suspicion(
        min(points, POINTS_OF_ALL),
        "refused_before",
        f"This phone refused {seen.phone_refused} of {parcels} parcels, this address {seen.address_refused}.",
        f"এই ফোন {parcels}টি পার্সেলের {seen.phone_refused}টি ফিরিয়ে দিয়েছে, এই ঠিকানা {seen.address_refused}টি।",
        {"refused": seen.phone_refused, "delivered": seen.phone_delivered, "address_refused": seen.address_refused},
    )


RULE = Rule(
    "known_refusals", 1, "Parcels refused before", "আগে ফিরিয়ে দেওয়া পার্সেল", check,
    limits={"refused_min": 1, "address_refused_min": 3},
)  # fmt: skip
