"""Screening: an order's case against the rules of its channel's policy, as a score with its reasons. Pure.

A rule is one file in `rules/` declaring one `RULE`; its check sees a `Case` and its limits and answers None or a `Suspicion`.
A model is one file in `models/` declaring one `MODEL`. `Rulebook` is a policy made ready to run, done once per policy version:

    rulebook(rules, models, policy) ─► Rulebook         assess(case, rulebook) ─► Assessment        replay(receipt, …) ─► Assessment

The score is the sum of each suspicion's points × weight, at most 1000, so it never falls when a weight rises, and the order of
the rules cannot matter.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from haat.domain.fraud.case import Case
from haat.domain.fraud.policy import SCORE_MAX, Policy, PolicySheet
from haat.kernel import text
from haat.kernel.errors import Refused

Outcome = Literal["pass", "review", "reject"]
Limits = Mapping[str, int]


class Suspicion(msgspec.Struct, frozen=True):
    """What a rule has against an order: 0 … 1000 points, a stable word, one plain sentence in each language, the figures.

    Write digits as ASCII in both sentences; the Bangla one is shown with its own.
    """

    points: int
    reason: str
    detail: str
    detail_bn: str
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Rule(msgspec.Struct, frozen=True):
    """A fraud rule. Raise `version` whenever the same case could now get other points.

    `weight` in percent and `limits` (orders, minor units, percent …) hold where a policy says nothing else.
    """

    code: str
    version: int
    title: str
    title_bn: str
    check: Callable[[Case, Limits], Suspicion | None]
    weight: int = 100
    limits: Limits = msgspec.field(default_factory=dict)


class Model(msgspec.Struct, frozen=True):
    """A learned score. `score` is pure and says 0 (honest) … 1000 (fraud), None where it has no opinion of such a case.

    Joined with the rules as `Policy.models` says. Raise `version` with every training; what it was trained on belongs in its file.
    """

    code: str
    version: int
    title: str
    title_bn: str
    score: Callable[[Case], int | None]
    weight: int = 100


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A suspicion as it counted: `points` after `weight`, `raw` before."""

    rule: str
    version: int
    points: int
    raw: int
    weight: int
    reason: str
    detail: str
    detail_bn: str
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Assessment(msgspec.Struct, frozen=True):
    """What the screening said: 0 … 1000, what follows, why (the heaviest first), and what models said."""

    score: int
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    models: Mapping[str, int] = msgspec.field(default_factory=dict)


class Contents(msgspec.Struct, frozen=True):
    """What a rulebook was made of, as it is kept: code → (version, weight), limits by code, thresholds, how models count."""

    rules: Mapping[str, tuple[int, int]]
    models: Mapping[str, tuple[int, int]]
    limits: Mapping[str, Mapping[str, int]]
    review_at: int
    reject_at: int
    joined: str


class Rulebook(msgspec.Struct, frozen=True):
    """A policy made ready to run. Two policies that screen alike share a `digest`."""

    policy: Policy
    checks: tuple[tuple[Rule, Limits, int], ...]
    models: tuple[tuple[Model, int], ...]
    contents: Contents
    digest: str


class Receipt(msgspec.Struct, frozen=True):
    """All that an assessment followed from. No personal data is in it."""

    inputs: Case
    rulebook: Contents
    findings: tuple[Finding, ...]
    models: Mapping[str, int]
    score: int
    outcome: Outcome


NO_DATA: Mapping[str, int] = {}
CLEAN = Assessment(0, "pass")
#: A marketplace that sold the order has screened its buyer, and keeps from us what we would screen by.
EXTERNAL = Assessment(
    0, "pass", (Finding("external", 1, 0, 0, 100, "sold_elsewhere", "Another marketplace sold it; its own checks stand.",
                        "অন্য মার্কেটপ্লেস এটি বিক্রি করেছে; তাদের যাচাই বহাল।"),),
)  # fmt: skip


def rulebook(rules: Mapping[str, Rule], models: Mapping[str, Model], policy: Policy) -> Rulebook:
    """`policy` over the rules and models found. Those of weight 0 are left out; settings of rules that are gone are ignored."""
    checks = tuple(
        (rule, {**rule.limits, **policy.limits.get(code, NO_DATA)}, weight)
        for code, rule in sorted(rules.items())
        if (weight := policy.weights.get(code, rule.weight))
    )
    learned = tuple((model, weight) for code, model in sorted(models.items()) if (weight := policy.weights.get(code, model.weight)))
    contents = Contents(
        rules={rule.code: (rule.version, weight) for rule, _, weight in checks},
        models={model.code: (model.version, weight) for model, weight in learned},
        limits={rule.code: limits for rule, limits, _ in checks if limits},
        review_at=policy.review_at,
        reject_at=policy.reject_at,
        joined=policy.models,
    )
    digest = hashlib.blake2b(msgspec.json.encode(contents, order="sorted"), digest_size=12).hexdigest()
    return Rulebook(policy, checks, learned, contents, digest)


def assess(case: Case, book: Rulebook) -> Assessment:
    """Every rule and model of the book over one case."""
    findings: list[Finding] | None = None
    for rule, limits, weight in book.checks:
        found = rule.check(case, limits)
        if found is not None:
            if findings is None:
                findings = []
            findings.append(_finding(rule, found, weight))
    if findings is None and not book.models:
        return CLEAN
    said = {model.code: score for model, _ in book.models if (score := model.score(case)) is not None}
    ordered = tuple(sorted(findings or (), key=lambda f: (-f.points, f.rule)))
    score = score_of(ordered, said, book.contents)
    return Assessment(score, outcome_of(score, book.contents), ordered, said)


def score_of(findings: tuple[Finding, ...], said: Mapping[str, int], contents: Contents) -> int:
    """The score that these findings and models' words make: 0 … 1000."""
    ruled = min(SCORE_MAX, sum([finding.points for finding in findings]))
    learned = max([min(SCORE_MAX, max(0, score) * contents.models[code][1] // 100) for code, score in said.items()], default=0)
    match contents.joined:
        case "highest":
            return max(ruled, learned)
        case "sum":
            return min(SCORE_MAX, ruled + learned)
        case _:
            return ruled


def outcome_of(score: int, contents: Contents) -> Outcome:
    """What a score leads to."""
    if score >= contents.reject_at:
        return "reject"
    return "review" if score >= contents.review_at else "pass"


def replay(receipt: Receipt, rules: Mapping[str, Rule], models: Mapping[str, Model]) -> Assessment:
    """The assessment made again from its receipt. Refused (`rules_changed`) where a rule or model of that version is gone."""
    kept = receipt.rulebook
    gone = [code for code, (version, _) in kept.rules.items() if code not in rules or rules[code].version != version]
    gone += [code for code, (version, _) in kept.models.items() if code not in models or models[code].version != version]
    if gone:
        raise Refused("rules_changed", "Rules have changed since; the receipt stands for itself.", kind="conflict", rules=sorted(gone))
    weights = dict.fromkeys((*rules, *models), 0) | {code: w for code, (_, w) in (*kept.rules.items(), *kept.models.items())}
    joined: Any = kept.joined
    policy = Policy(
        channel=receipt.inputs.channel, version=0, review_at=kept.review_at, reject_at=kept.reject_at, weights=weights,
        limits=kept.limits, models=joined,
    )  # fmt: skip
    return assess(receipt.inputs, rulebook(rules, models, policy))


def check_policy(sheet: PolicySheet, rules: Mapping[str, Rule], models: Mapping[str, Model]) -> None:
    """Refuse a sheet that names what does not exist or turns the thresholds round."""
    if sheet.reject_at < sheet.review_at:
        raise Refused("thresholds_reversed", "An order is rejected at a higher score than it is reviewed at, not at a lower one.")
    if unknown := sorted((set(sheet.weights) - set(rules) - set(models)) | (set(sheet.limits) - set(rules))):
        raise Refused("unknown_rule", f"There is no fraud rule {unknown[0]}.", rules=unknown)
    for code, limits in sorted(sheet.limits.items()):
        if unknown := sorted(set(limits) - set(rules[code].limits)):
            raise Refused("unknown_limit", f"The rule {code} has no limit {unknown[0]}.", rule=code, limits=unknown)


def _finding(rule: Rule, found: Suspicion, weight: int) -> Finding:
    raw = min(SCORE_MAX, max(0, found.points))
    return Finding(
        rule.code, rule.version, min(SCORE_MAX, raw * weight // 100), raw, weight, found.reason, found.detail,
        text.bangla_digits(found.detail_bn), found.data,
    )  # fmt: skip
