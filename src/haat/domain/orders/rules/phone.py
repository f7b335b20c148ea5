"""There is a number that the courier can call. The caller has normalised it to E.164; this rule judges the result.

For cash on delivery into Bangladesh it must be a Bangladeshi mobile (`01[3-9]` and eight digits): couriers take no other,
and the dead 011 block still passes general number libraries.
"""

from haat.domain.orders.validation import Case, Outcome, Policy, Refusal, Rule
from haat.kernel.geography.address import Place

_LENGTH = len("+8801XXXXXXXXX")


def check(case: Case, policy: Policy) -> Outcome | None:
    phone = case.phone
    if not phone:
        if case.phone_problem:
            return Refusal("phone_unusable", "The phone number cannot be called.", {"field": "phone", "problem": case.phone_problem})
        if policy.phone_required:
            return Refusal("phone_missing", "A phone number is needed for the delivery.", {"field": "phone"})
        return None
    needs = policy.local_mobile_for
    method = case.payment_method
    if method not in needs and case.tenders:
        method = next((portion.method for portion in case.tenders if portion.method in needs), method)
    if method in needs and type(case.place) is Place and case.place.country == "BD" and not _bd_mobile(phone):
        return Refusal(
            "phone_not_local_mobile",
            "This payment method needs a Bangladeshi mobile number.",
            {"field": "phone", "payment_method": method},
        )
    return None


def _bd_mobile(phone: str) -> bool:
    return len(phone) == _LENGTH and phone.startswith("+8801") and "3" <= phone[5] <= "9" and phone[1:].isascii() and phone[1:].isdigit()


RULE = Rule("phone", 1, "The phone number can be called", check)
