"""Validation: everything that can be wrong with an order before it becomes one, as small rules with stored outcomes.

A rule is one file in `rules/` declaring one `RULE`. Its check is pure: it sees a `Case` (the order and all that the caller
found out about its buyer, products and vendors) and the `Policy` (the settings), and answers None for «passed», a refusal,
a hold for a person to look at, or counted claims that the placing transaction must take. A verdict names every rule that ran,
with its version, so that years later it can be said what was checked and what was not.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from haat.domain.orders.events import Portion
from haat.kernel.geography.address import Address, Place, Unresolved

#: A counted limit to be taken when the order commits: key, amount to take, cap that the taken sum may not pass.
Claim = tuple[str, int, int]

LINES_MAX, UNITS_MAX = 500, 1_000_000  # the most that a policy may allow
Manner = Literal["refuse", "hold", "accept"]
Money = Annotated[int, Meta(ge=0, le=10**15)]  # minor units
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Words = Annotated[frozenset[Word], Meta(max_length=1_000)]

FINGERPRINT_BYTES = 5  # 40 bits


class CaseLine(msgspec.Struct, frozen=True, gc=False):
    """One line with what its product allows. Prices in minor units of the case's currency.

    `quantity_min`, `quantity_max` bound one order; `purchase_limit` bounds a customer over all orders of `purchase_window`
    (a label such as `2026-11`; empty = for ever). `status` is the product's own. `expected_unit_price` is what the client showed.
    """

    sku: str
    vendor: str
    quantity: int
    unit_price: int
    quantity_min: int = 1
    quantity_max: int | None = None
    purchase_limit: int | None = None
    purchase_window: str = ""
    status: str = "active"
    expected_unit_price: int | None = None


class Block(msgspec.Struct, frozen=True, gc=False):
    """The block that matches this buyer. `on` names what matched (phone, email, customer, address), never its value."""

    id: str
    on: str
    reason: str = ""
    action: str = "refuse"  # or "hold"


class Case(msgspec.Struct, frozen=True):
    """An order on trial, with everything that the rules need; nothing is looked up later.

    `buyer` is the stable key that limits count by (customer id, else E.164 phone; empty = unknown). `phone` is normalised to
    E.164, None when absent or unusable; `phone_problem` then says why. `place` None means that nothing is delivered.
    `goods` = lines after discounts, `total` = what is to be paid; both minor units. `vendors_closed` maps a vendor's code
    to why it does not sell now (`unknown`, `on_leave`, `suspended`, `closed` …) and holds only the closed ones.
    `duplicate_of` names the recent order with the same `fingerprint`, found by the caller within `Policy.duplicate_window_s`.
    `tenders` split the total over several methods, of which `payment_method` is one; empty where all of it comes by that one.
    """

    channel: str
    currency: str
    buyer: str
    phone: str | None
    address: Address
    place: Place | Unresolved | None
    lines: tuple[CaseLine, ...]
    goods: int
    total: int
    payment_method: str
    expected_total: int | None = None
    phone_problem: str = ""
    vendors_closed: Mapping[str, str] = msgspec.field(default_factory=dict)
    block: Block | None = None
    duplicate_of: str | None = None
    tenders: tuple[Portion, ...] = ()


class ValueLimits(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Bounds of an order's total in minor units, both inclusive; None = no bound. `cod_max` bounds cash on delivery."""

    least: Money | None = None
    most: Money | None = None
    cod_max: Money | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where no total could lie between the bounds."""
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("least: at most what `most` says")


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The marketplace's choices about which orders it takes. One for all of it; `channel_values` where a channel differs.

    `values` hold for orders in `currency`; `channel_values` replace them for a channel, in whatever currency it trades.
    Amounts in minor units, tolerances too. `unresolved_address` and `postcode_disagrees`: `refuse`, `hold` or `accept`.
    """

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "BDT"
    countries: Annotated[frozenset[Word], Meta(max_length=300)] | None = None  # None = every country
    districts_unserved: Words = frozenset()
    zones_unserved: Words = frozenset()
    unresolved_address: Manner = "refuse"
    postcode_disagrees: Manner = "accept"  # post codes are seldom known in Bangladesh, and often wrong
    recipient_required: bool = True
    address_line_required: bool = True
    phone_required: bool = True
    local_mobile_for: Words = frozenset({"cod"})  # couriers call before they hand over cash parcels
    lines_max: Annotated[int, Meta(ge=1, le=LINES_MAX)] = 200
    line_quantity_max: Annotated[int, Meta(ge=1, le=UNITS_MAX)] = 1_000
    order_quantity_max: Annotated[int, Meta(ge=1, le=UNITS_MAX)] = 5_000
    values: ValueLimits = ValueLimits(least=1, most=100_000_000, cod_max=5_000_000)  # BDT 0.01, 10 lakh, 50,000
    channel_values: Annotated[Mapping[Word, ValueLimits], Meta(max_length=200)] = msgspec.field(default_factory=dict)
    duplicate_window_s: Annotated[int, Meta(ge=0, le=3_600)] = 600
    drift_up_max: Money = 0
    drift_down_max: Money | None = None  # None: a quote lower than the client expected is never refused
    vendor_closed: Manner = "refuse"

    def limits(self, channel: str, currency: str) -> ValueLimits | None:
        """What bounds an order of this channel; None where nothing does: the market's own are amounts of its own currency."""
        return self.channel_values.get(channel) or (self.values if currency == self.currency else None)


def for_external(policy: Policy) -> Policy:
    """`policy` for orders that another marketplace has already sold: it keeps names and phones to itself, and its sale stands.

    An address that cannot be placed is held instead of refused; what its orders are worth, how much they hold and where they go is not
    ours to bound.
    """
    return msgspec.structs.replace(
        policy,
        recipient_required=False,
        address_line_required=False,
        phone_required=False,
        unresolved_address="hold",
        postcode_disagrees="hold" if policy.postcode_disagrees == "refuse" else policy.postcode_disagrees,
        countries=None,
        districts_unserved=frozenset(),
        zones_unserved=frozenset(),
        lines_max=LINES_MAX,
        line_quantity_max=UNITS_MAX,
        order_quantity_max=UNITS_MAX,
        values=ValueLimits(),
        channel_values={},
        vendor_closed="accept",
    )


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """The order must not be placed. `reason` is a stable word, `detail` one sentence for a person, `data` plain figures."""

    reason: str
    detail: str
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """The order is placed but goes nowhere until a person releases this hold of `kind` (ADDRESS, DUPLICATE, COMPLIANCE …)."""

    kind: str
    reason: str
    detail: str
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Claims(msgspec.Struct, frozen=True):
    """Passed, provided that these counted limits can be taken when the order commits."""

    claims: tuple[Claim, ...]


Outcome = Refusal | Hold | Claims
Check = Callable[[Case, Policy], Outcome | None]


class Rule(msgspec.Struct, frozen=True):
    """A validation rule. Raise `version` whenever the same case could now get another outcome."""

    code: str
    version: int
    title: str
    check: Check


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stored outcome that is not «passed». `kind` is the hold's, empty for a refusal."""

    rule: str
    version: int
    reason: str
    detail: str
    kind: str = ""
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the rules said. `passed` maps each rule that passed to its version; shared by all clean verdicts: never write to it."""

    passed: Mapping[str, int]
    refusals: tuple[Finding, ...] = ()
    holds: tuple[Finding, ...] = ()
    claims: tuple[Claim, ...] = ()


class Rules(msgspec.Struct, frozen=True):
    """Rules made ready to run. `passed` and `clean` are the values that nearly every order shares."""

    all: tuple[Rule, ...]
    checks: tuple[Check, ...]
    passed: Mapping[str, int]
    clean: Verdict


def compile_rules(rules: Mapping[str, Rule], *, without: frozenset[str] = frozenset()) -> Rules:
    """`rules` in the order of their codes, less those named in `without`. Done once, when the process starts."""
    chosen = tuple(rules[code] for code in sorted(rules) if code not in without)
    passed = {rule.code: rule.version for rule in chosen}
    return Rules(all=chosen, checks=tuple(rule.check for rule in chosen), passed=passed, clean=Verdict(passed))


def validate(case: Case, policy: Policy, rules: Rules) -> Verdict:
    """Every rule over one case; all of them run, so that a refusal names everything that is wrong at once."""
    found: list[tuple[int, Outcome]] | None = None
    for index, check in enumerate(rules.checks):
        outcome = check(case, policy)
        if outcome is not None:
            if found is None:
                found = []
            found.append((index, outcome))
    if found is None:
        return rules.clean
    return _verdict(found, rules)


def fingerprint(buyer: str, lines: Iterable[tuple[str, int]]) -> int:
    """A stable 40 bit number of a buyer and a basket of (SKU, quantity), the same in whatever order or split the lines come.

    Two different baskets of one buyer share it once in 10¹²; it finds duplicates, it does not prove them.
    """
    basket: dict[str, int] = {}
    for sku, quantity in lines:
        basket[sku] = basket.get(sku, 0) + quantity
    text = "\x1f".join([buyer, *[f"{sku}\x1e{basket[sku]}" for sku in sorted(basket)]])
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=FINGERPRINT_BYTES).digest(), "big")


def _verdict(found: list[tuple[int, Outcome]], rules: Rules) -> Verdict:
    refusals: list[Finding] = []
    holds: list[Finding] = []
    claims: list[Claim] = []
    for index, outcome in found:
        rule = rules.all[index]
        match outcome:
            case Refusal():
                refusals.append(Finding(rule.code, rule.version, outcome.reason, outcome.detail, "", outcome.data))
            case Hold():
                holds.append(Finding(rule.code, rule.version, outcome.reason, outcome.detail, outcome.kind, outcome.data))
            case Claims():
                claims.extend(outcome.claims)
    passed = rules.passed
    if refusals or holds:
        failed = {finding.rule for finding in (*refusals, *holds)}
        passed = {code: version for code, version in passed.items() if code not in failed}
    return Verdict(passed, tuple(refusals), tuple(holds), tuple(claims))
