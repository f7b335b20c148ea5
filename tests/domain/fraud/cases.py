"""Cases for the tests of fraud: an ordinary one, and any that hypothesis thinks of."""

from typing import Any

from hypothesis import strategies as st

from haat.domain import fraud
from haat.domain.fraud import models as model_folder
from haat.domain.fraud import rules as rule_folder
from haat.domain.fraud.case import Case, Seen
from haat.engine import plugins

RULES = plugins.load(rule_folder, "RULE", fraud.Rule)
MODELS = plugins.load(model_folder, "MODEL", fraud.Model)


def a_case(*, seen: dict[str, int] | None = None, **said: Any) -> Case:
    """An ordinary first order of BDT 1,200, cash on delivery; `seen` by the names of Seen."""
    return Case(
        **({"channel": "web", "currency": "BDT", "amount": 120_000, "cod": True, "namesake": True} | said), seen=Seen(**(seen or {}))
    )


counts = st.one_of(st.integers(0, 12), st.integers(0, 200))
amounts = st.one_of(st.just(0), st.integers(1, 50_000_000))


@st.composite
def any_seen(draw: st.DrawFn) -> Seen:
    money = {"phone_usual", "phone_most", "phone_day_least", "phone_day_most"}
    return Seen(*[draw(amounts if name in money else counts) for name in Seen.__struct_fields__])


@st.composite
def any_case(draw: st.DrawFn) -> Case:
    signs = draw(st.lists(st.sampled_from(["short", "repeated", "aimless", "nowhere", "phone_inside", "of a later time"]), unique=True))
    return Case(
        "web", "BDT", draw(amounts), draw(st.booleans()), draw(st.booleans()), tuple(signs), draw(st.sampled_from([True, False, None])),
        draw(st.sampled_from(["", "", "", "phone", "address"])), draw(any_seen()),
    )  # fmt: skip


@st.composite
def any_policy(draw: st.DrawFn) -> fraud.Policy:
    weights = draw(st.dictionaries(st.sampled_from(sorted(RULES)), st.integers(0, 1000)))
    review = draw(st.integers(1, 1001))
    return fraud.Policy(channel="web", version=3, review_at=review, reject_at=draw(st.integers(review, 1001)), weights=weights)
