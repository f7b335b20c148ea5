"""Which gateway a payment goes through: rules in order, then what it costs us, and never one that cannot take it."""

from collections.abc import Mapping

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import payments
from haat.domain.payments import Asked, Candidate, Fee, Record, Route

BKASH = Candidate(code="bkash", methods=frozenset({"bkash", "online"}), limits={"BDT": (100, 5_000_000)}, fee=Fee(permyriad=150))
SSL = Candidate(
    code="sslcommerz", methods=frozenset({"card", "online", "bkash"}), limits={"BDT": (1_000, 50_000_000)}, fee=Fee(permyriad=250)
)
STRIPE = Candidate(
    code="stripe", methods=frozenset({"card", "online"}), limits={"BDT": (5_000, 99_999_999), "USD": (50, 99_999_999)}, fee=Fee(290, 30)
)
ALL = (BKASH, SSL, STRIPE)


def asked(method: str = "card", amount: int = 100_000, currency: str = "BDT", **more: str) -> Asked:
    return Asked(method=method, channel=more.pop("channel", "web"), amount=amount, currency=currency, **more)


def chosen(what: Asked, rules: tuple[Route, ...] = (), records: Mapping[str, Record] | None = None, **more: set[str]) -> str:
    return payments.route(what, ALL, rules, records or {}, **more).gateway


def test_without_a_rule_the_cheapest_that_takes_the_method_is_chosen() -> None:
    assert chosen(asked()) == "sslcommerz"
    assert chosen(asked("bkash")) == "bkash"
    assert chosen(asked("rocket")) == ""


def test_a_currency_or_an_amount_that_it_does_not_take_rules_a_gateway_out() -> None:
    assert chosen(asked(currency="USD", amount=5_000)) == "stripe"
    assert chosen(asked("bkash", amount=6_000_000)) == "sslcommerz"
    receipt = payments.route(asked("bkash", amount=6_000_000), ALL, (), {})
    assert {look.gateway: look.why_not for look in receipt.looked_at} == {"bkash": "amount", "sslcommerz": "", "stripe": "other_methods"}


def test_the_first_rule_that_fits_decides_and_stands_on_the_receipt() -> None:
    first = Route(
        code="big", methods=("card",), amount_min=50_000, gateways=("stripe", "sslcommerz"), choose="order", priority=1, version=4
    )
    second = Route(code="any", gateways=("sslcommerz",), priority=2)
    receipt = payments.route(asked(), ALL, (second, first), {})
    assert (receipt.gateway, receipt.rule, receipt.version) == ("stripe", "big", 4)
    assert chosen(asked(amount=20_000), (second, first)) == "sslcommerz"
    assert chosen(asked(channel="bazaar"), (Route(code="x", channels=("web",), gateways=("stripe",)),)) == "sslcommerz"


def test_a_rule_may_send_a_method_to_a_gateway_that_does_not_name_it() -> None:
    assert chosen(asked("rocket"), (Route(code="rocket", methods=("rocket",), gateways=("sslcommerz",)),)) == "sslcommerz"


def test_a_gateway_that_fails_lately_loses_to_a_dearer_one_that_does_not() -> None:
    bad = {"sslcommerz": Record(200, 60), "stripe": Record(200, 190)}
    assert chosen(asked(), records=bad) == "stripe"
    assert chosen(asked(), records={"sslcommerz": Record(2, 0)}) == "sslcommerz", "two failures are no record"


def test_an_open_breaker_and_a_gateway_that_was_tried_are_passed_over() -> None:
    assert chosen(asked(), broken={"sslcommerz"}) == "stripe"
    assert chosen(asked(), tried={"sslcommerz"}) == "stripe"
    assert chosen(asked(), tried={"sslcommerz", "stripe"}) == "sslcommerz", "nobody else is left"
    assert chosen(asked(), broken={"sslcommerz", "stripe"}) == ""


def backed(**fallbacks: str) -> list[Candidate]:
    """The gateways with these declared, and a dearer one beside them."""
    last = Candidate(code="last", methods=frozenset({"card"}), limits={"BDT": (100, 99_999_999)}, fee=Fee(permyriad=900))
    return [msgspec.structs.replace(each, fallback=fallbacks.get(each.code, "")) for each in (*ALL, last)]


def stood_in(fallbacks: dict[str, str], *rules: Route, **more: set[str]) -> tuple[str, str]:
    receipt = payments.route(asked(), backed(**fallbacks), rules, {}, **more)
    assert receipt.looked_at[0].gateway == receipt.gateway, "whoever is taken is the first on the receipt"
    return receipt.gateway, receipt.instead_of


def test_while_the_breaker_of_the_most_wanted_is_open_its_declared_fallback_is_taken_and_the_receipt_says_so() -> None:
    assert stood_in({"sslcommerz": "last"}, broken={"sslcommerz"}) == ("last", "sslcommerz")
    assert stood_in({}, broken={"sslcommerz"}) == ("stripe", "sslcommerz"), "none is declared: the next"
    assert stood_in({"sslcommerz": "last"}) == ("sslcommerz", ""), "it answers"
    assert stood_in({"stripe": "last"}, broken={"stripe"}) == ("sslcommerz", ""), "nobody wanted that one"
    nobody = payments.route(asked(), backed(sslcommerz="last"), (), {}, broken={"sslcommerz", "stripe", "last"})
    assert (nobody.gateway, nobody.instead_of) == ("", "")


def test_a_chain_of_fallbacks_is_followed_to_one_that_can_take_it_and_no_further_than_once_round() -> None:
    both = {"sslcommerz", "stripe"}
    assert stood_in({"sslcommerz": "bkash", "bkash": "last"}, broken={"sslcommerz"}) == ("last", "sslcommerz"), "bkash takes no cards"
    assert stood_in({"sslcommerz": "stripe", "stripe": "last"}, broken=both) == ("last", "sslcommerz")
    assert stood_in({"sslcommerz": "stripe", "stripe": "sslcommerz"}, broken=both) == ("last", "sslcommerz"), "round and round: the next"
    assert stood_in({"sslcommerz": "bkash", "bkash": "sslcommerz"}, broken={"sslcommerz"}) == ("stripe", "sslcommerz")
    assert stood_in({"sslcommerz": "elsewhere"}, broken={"sslcommerz"}) == ("stripe", "sslcommerz")


def test_a_fallback_that_the_rule_leaves_out_does_not_stand_in() -> None:
    rule = Route(code="two", gateways=("sslcommerz", "stripe"), choose="order")
    assert stood_in({"sslcommerz": "last"}, rule, broken={"sslcommerz"}) == ("stripe", "sslcommerz")
    three = msgspec.structs.replace(rule, gateways=("sslcommerz", "stripe", "last"))
    assert stood_in({"sslcommerz": "last"}, three, broken={"sslcommerz"}) == ("last", "sslcommerz")


def test_a_fallback_that_was_tried_stands_in_only_where_all_that_are_left_were() -> None:
    declared = {"sslcommerz": "last"}
    assert stood_in(declared, broken={"sslcommerz"}, tried={"last"}) == ("stripe", "sslcommerz")
    assert stood_in(declared, broken={"sslcommerz"}, tried={"last", "stripe"}) == ("last", "sslcommerz")
    assert stood_in(declared, broken={"sslcommerz"}, tried={"sslcommerz"}) == ("stripe", ""), "one that was tried is not wanted"


def test_a_receipt_from_before_there_were_fallbacks_reads_and_an_ordinary_one_says_nothing_of_them() -> None:
    old = msgspec.json.decode(b'{"gateway":"bkash","rule":"r","version":2}', type=payments.Receipt)
    assert old == payments.Receipt("bkash", "r", 2) and b"instead_of" not in msgspec.json.encode(old)


def test_cards_of_a_bank_and_areas_have_rules_of_their_own() -> None:
    rules = (Route(code="city", bins=("4567",), gateways=("stripe",)), Route(code="hills", districts=("bandarban",), gateways=("stripe",)))
    assert chosen(asked(bin="456712"), rules) == "stripe"
    assert chosen(asked(bin="512345"), rules) == "sslcommerz"
    assert chosen(asked(district="bandarban"), rules) == "stripe"


records = st.fixed_dictionaries(
    {c.code: st.builds(lambda t, s: Record(t, min(t, s)), st.integers(0, 500), st.integers(0, 500)) for c in ALL}
)


@given(
    st.sampled_from(["card", "bkash", "online", "rocket"]), st.integers(1, 10**8), st.sampled_from(["BDT", "USD"]), records,
    st.sets(st.sampled_from([c.code for c in ALL])), st.sets(st.sampled_from([c.code for c in ALL])),
)  # fmt: skip
def test_whoever_is_chosen_can_take_it_and_everyone_is_on_the_receipt(
    method: str, amount: int, currency: str, known: Mapping[str, Record], broken: set[str], tried: set[str]
) -> None:
    receipt = payments.route(asked(method, amount, currency), ALL, (), known, broken=broken, tried=tried)
    assert {look.gateway for look in receipt.looked_at} == {c.code for c in ALL}
    able = {
        c.code for c in ALL if method in c.methods and c.limits.get(currency, (1, 0))[0] <= amount <= c.limits.get(currency, (1, 0))[1]
    } - broken
    assert receipt.gateway in able if able else receipt.gateway == ""
    if able - tried:
        assert receipt.gateway not in tried


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_success_is_between_nothing_and_all_and_grows_with_it(tried: int, succeeded: int) -> None:
    succeeded = min(tried, succeeded)
    rate = payments.success(Record(tried, succeeded))
    assert 0 <= rate <= 10_000
    assert payments.success(Record(tried + 1, succeeded + 1)) >= rate >= payments.success(Record(tried + 1, succeeded))


def test_fees_are_rounded_half_up() -> None:
    assert payments.fee_of(Fee(permyriad=150), 33) == 0
    assert payments.fee_of(Fee(permyriad=150), 34) == 1
    assert payments.fee_of(Fee(permyriad=290, fixed=30), 10_000) == 320
