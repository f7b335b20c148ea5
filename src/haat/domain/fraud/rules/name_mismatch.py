"""Names that do not belong together: recipient and buyer, or the many names of one phone.

Gifts and nicknames are honest mismatches, so one is a small sign; a phone that ordered under several unrelated names is a larger.
"""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

POINTS_PARTIES, POINTS_PHONE = 60, 160


def check(case: Case, limits: Limits) -> Suspicion | None:
    seen = case.seen
    strange = seen.phone_strangers >= limits["strangers"] and 2 * seen.phone_strangers > seen.phone_named
    if case.namesake is not False and not strange:
        return None
    data = {"strangers": seen.phone_strangers, "named": seen.phone_named}
    if strange:
        return Suspicion(
            POINTS_PHONE + (POINTS_PARTIES if case.namesake is False else 0),
            "names_of_phone",
            f"Of {seen.phone_named} earlier orders of this phone, {seen.phone_strangers} were in quite other names.",
            f"এই ফোনের আগের {seen.phone_named}টি অর্ডারের {seen.phone_strangers}টি সম্পূর্ণ ভিন্ন নামে ছিল।",
            data,
        )
    return Suspicion(
        POINTS_PARTIES,
        "names_differ",
        "The recipient's name is not the buyer's.",
        "প্রাপকের নাম ও ক্রেতার নাম মেলে না।",
        data,
    )


RULE = Rule("name_mismatch", 1, "Names that do not match", "নামের অমিল", check, limits={"strangers": 3})
