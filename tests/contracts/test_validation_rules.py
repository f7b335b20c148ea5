"""What every validation rule keeps to, whatever it checks. Runs over each rule found in the folder."""

import re

import msgspec
import pytest

from haat.domain.orders import rules as folder
from haat.domain.orders.validation import Block, Case, CaseLine, Claims, Hold, Policy, Refusal, Rule
from haat.engine import plugins
from haat.kernel.geography.address import Address, Place, Unresolved

RULES = plugins.load(folder, "RULE", Rule)
PLAIN = Case(
    channel="web",
    currency="BDT",
    buyer="+8801711223344",
    phone="+8801711223344",
    address=Address(recipient="Rahima", line="House 7", district="Dhaka"),
    place=Place("BD", "dhaka", "dhaka", "dhaka"),
    lines=(CaseLine("A", "v1", 1, 10_000), CaseLine("B", "v2", 2, 5_000)),
    goods=20_000,
    total=26_000,
    payment_method="cod",
)


def changed(**changes: object) -> Case:
    return msgspec.structs.replace(PLAIN, **changes)


CASES = {
    "nothing at all": Case("", "", "", None, Address(), None, (), 0, 0, ""),
    "no lines": changed(lines=()),
    "negative": changed(lines=(CaseLine("A", "v", -3, -7),), goods=-21, total=-21),
    "enormous": changed(lines=(CaseLine("A", "v", 10**9, 10**15),), goods=10**18, total=10**18),
    "limited": changed(lines=(CaseLine("A", "v", 2, 1, 3, 1, 1, status="draft", expected_unit_price=2),)),
    "nobody": changed(buyer="", phone=None, phone_problem="not_a_number"),
    "nowhere": changed(place=Unresolved("ambiguous", "district", "Kaliganj", ("Kaliganj, Gazipur",)), address=Address()),
    "abroad": changed(place=Place("BR", "intl"), currency="BRL", phone="+5511987654321"),
    "blocked": changed(block=Block("b1", "phone", "secret of the desk")),
    "watched": changed(block=Block("b1", "phone", "secret of the desk", "hold")),
    "twice": changed(duplicate_of="0190"),
    "closed": changed(vendors_closed={"v1": "on_leave", "v2": "unknown"}),
    "dearer": changed(expected_total=1),
}
POLICIES = {
    "default": Policy(),
    "strict": Policy(
        countries=frozenset({"BD"}),
        zones_unserved=frozenset({"dhaka"}),
        postcode_disagrees="refuse",
        drift_down_max=0,
        lines_max=1,
        order_quantity_max=1,
    ),
    "lenient": Policy(
        unresolved_address="hold", postcode_disagrees="hold", vendor_closed="hold", phone_required=False, recipient_required=False
    ),
}


@pytest.fixture(params=RULES.values(), ids=RULES.keys())
def rule(request: pytest.FixtureRequest) -> Rule:
    return request.param


def test_the_rules_of_the_house_are_all_found() -> None:
    assert set(RULES) >= {
        "address_served", "phone", "quantity_limits", "value_limits", "purchase_limit",
        "duplicate_order", "blocked_buyer", "price_drift", "vendor_open", "product_active",
    }  # fmt: skip


def test_a_rule_is_named_and_versioned(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*", rule.code)
    assert rule.version >= 1
    assert rule.title and rule.title[0].isupper() and not rule.title.endswith(".")
    assert rule.check.__module__.endswith("." + rule.code), "a rule's file is called like its code"


def test_a_plain_order_passes(rule: Rule) -> None:
    assert rule.check(PLAIN, Policy()) is None


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_rule_answers_every_case_the_same_each_time_and_plainly(rule: Rule, case: Case, policy: Policy) -> None:
    outcome = rule.check(case, policy)
    assert outcome == rule.check(case, policy)
    if outcome is None:
        return
    assert isinstance(outcome, Refusal | Hold | Claims)
    if isinstance(outcome, Claims):
        assert outcome.claims
        assert all(key and 0 < amount <= cap for key, amount, cap in outcome.claims)
        return
    assert re.fullmatch(r"[a-z][a-z_]*", outcome.reason)
    assert outcome.detail.endswith(".")
    stored = msgspec.json.encode(outcome.data)
    assert b"secret of the desk" not in stored
    if case.phone:
        assert case.phone.encode() not in stored
    if isinstance(outcome, Hold):
        assert re.fullmatch(r"[A-Z][A-Z_]*", outcome.kind)
