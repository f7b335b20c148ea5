"""The score: a sum that no order of rules changes and no weight lowers, a receipt that makes it again, models beside the rules."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import fraud
from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import CLEAN
from haat.kernel.errors import Refused
from tests.domain.fraud.cases import RULES, a_case, any_case, any_policy

SURE = fraud.Model("sure", 1, "Sure", "নিশ্চিত", lambda case: 900)
SILENT = fraud.Model("silent", 1, "Silent", "নীরব", lambda case: None)


def book(**said: object) -> fraud.Rulebook:
    return fraud.rulebook(RULES, {}, msgspec.structs.replace(fraud.BUILT_IN, **said))


def receipt_of(case: Case, used: fraud.Rulebook) -> fraud.Receipt:
    said = fraud.assess(case, used)
    return fraud.Receipt(case, used.contents, said.findings, said.models, said.score, said.outcome)


def test_an_ordinary_order_passes_and_costs_nothing() -> None:
    assert fraud.assess(a_case(), book()) is CLEAN


def test_reasons_come_heaviest_first_with_their_points() -> None:
    said = fraud.assess(a_case(amount=1_500_000, namesake=False, seen={"phone_refused": 2}), book())
    assert [f.rule for f in said.findings] == ["known_refusals", "first_order_cod", "name_mismatch"]
    assert (said.score, said.outcome) == (sum(f.points for f in said.findings), "review")


def test_thresholds_decide_what_follows() -> None:
    case = a_case(amount=1_500_000)
    assert fraud.assess(case, book()).outcome == "pass"
    assert fraud.assess(case, book(review_at=200)).outcome == "review"
    assert fraud.assess(case, book(review_at=100, reject_at=200)).outcome == "reject"
    assert fraud.assess(a_case(block="phone"), book(review_at=1001, reject_at=1001)).outcome == "pass"


def test_a_policy_may_move_a_rules_limits_and_switch_it_off() -> None:
    case = a_case(amount=1_500_000)
    assert fraud.assess(case, book(limits={"first_order_cod": {"amount_max": 2_000_000}})) is CLEAN
    assert fraud.assess(case, book(weights={"first_order_cod": 0})) is CLEAN
    assert fraud.assess(case, book(weights={"first_order_cod": 50})).score == 100


@given(any_case(), any_policy(), st.sampled_from(sorted(RULES)), st.integers(0, 1000))
def test_a_score_never_falls_when_a_weight_rises(case: Case, policy: fraud.Policy, rule: str, more: int) -> None:
    weights = {code: r.weight for code, r in RULES.items()} | dict(policy.weights)
    raised = msgspec.structs.replace(policy, weights=weights | {rule: weights[rule] + more})
    low, high = (fraud.assess(case, fraud.rulebook(RULES, {}, p)) for p in (policy, raised))
    assert 0 <= low.score <= high.score <= 1000


@given(any_case(), any_policy(), st.permutations(sorted(RULES)))
def test_the_order_of_the_rules_does_not_matter(case: Case, policy: fraud.Policy, order: list[str]) -> None:
    shuffled = fraud.rulebook({code: RULES[code] for code in order}, {}, policy)
    assert shuffled.digest == fraud.rulebook(RULES, {}, policy).digest
    assert fraud.assess(case, shuffled) == fraud.assess(case, fraud.rulebook(RULES, {}, policy))


@given(any_case(), any_policy(), st.sampled_from(["shadow", "highest", "sum"]))
def test_a_receipt_makes_its_score_again(case: Case, policy: fraud.Policy, joined: str) -> None:
    models = {"sure": SURE, "silent": SILENT}
    used = fraud.rulebook(RULES, models, msgspec.structs.replace(policy, models=joined))
    receipt = receipt_of(case, used)
    stored = msgspec.json.decode(msgspec.json.encode(receipt), type=fraud.Receipt)
    again = fraud.replay(stored, RULES, models)
    assert (again.score, again.outcome, again.models) == (receipt.score, receipt.outcome, receipt.models)
    assert msgspec.json.encode(again.findings) == msgspec.json.encode(receipt.findings)


def test_a_receipt_of_rules_that_changed_stands_for_itself() -> None:
    receipt = receipt_of(a_case(seen={"phone_hour": 9}), book())
    newer = dict(RULES) | {"phone_velocity": msgspec.structs.replace(RULES["phone_velocity"], version=99)}
    with pytest.raises(Refused) as refused:
        fraud.replay(receipt, newer, {})
    assert refused.value.data["rules"] == ["phone_velocity"]


@pytest.mark.parametrize(("joined", "score"), [("shadow", 200), ("highest", 900), ("sum", 1000)])
def test_a_model_counts_as_the_policy_declares(joined: str, score: int) -> None:
    policy = msgspec.structs.replace(fraud.BUILT_IN, models=joined)
    said = fraud.assess(a_case(amount=1_500_000), fraud.rulebook(RULES, {"sure": SURE, "silent": SILENT}, policy))
    assert (said.score, said.models) == (score, {"sure": 900})


def test_a_policy_that_names_what_does_not_exist_is_refused() -> None:
    wrong = [
        fraud.PolicySheet(weights={"no_such_rule": 10}),
        fraud.PolicySheet(limits={"no_such_rule": {"per_hour": 10}}),
        fraud.PolicySheet(limits={"phone_velocity": {"per_century": 10}}),
        fraud.PolicySheet(review_at=700, reject_at=600),
    ]
    for sheet in wrong:
        with pytest.raises(Refused):
            fraud.check_policy(sheet, RULES, {})
    fraud.check_policy(fraud.PolicySheet(weights={"ip_velocity": 0}, limits={"phone_velocity": {"per_hour": 10}}), RULES, {})
