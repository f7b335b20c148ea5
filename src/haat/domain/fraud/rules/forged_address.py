"""An address that looks made up: too short, letters repeated, nothing that leads to a door, nowhere on the map, a phone in it.

A stand-in for asking somebody who knows the street. Rural addresses are short and without numbers, so each sign weighs little.
"""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

#: sign -> points, words, words in Bangla
SIGNS = {
    "short": (100, "it is very short", "খুব ছোট"),
    "repeated": (160, "letters or words are repeated", "একই অক্ষর বা শব্দ বারবার লেখা"),
    "aimless": (60, "it has no number, road or place", "কোনো নম্বর, রাস্তা বা স্থানের নাম নেই"),
    "nowhere": (60, "the upazila is not known", "উপজেলা পাওয়া যায়নি"),
    "phone_inside": (50, "there is a phone number in it", "ঠিকানার ভেতরে ফোন নম্বর আছে"),
}


def check(case: Case, limits: Limits) -> Suspicion | None:
    del limits
    if not case.signs:
        return None
    signs = [sign for sign in case.signs if sign in SIGNS]
    if not signs or signs == ["nowhere"]:  # half the addresses of Bangladesh name the district only
        return None
    return Suspicion(
        sum(SIGNS[sign][0] for sign in signs),
        "address_looks_forged",
        f"The address looks made up: {', '.join(SIGNS[sign][1] for sign in signs)}.",
        f"ঠিকানাটি বানানো মনে হয়: {', '.join(SIGNS[sign][2] for sign in signs)}।",
        {"signs": signs},
    )


RULE = Rule("forged_address", 1, "An address that looks made up", "বানানো মনে হওয়া ঠিকানা", check)
