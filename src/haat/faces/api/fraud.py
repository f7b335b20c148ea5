"""Fraud: how orders were screened and why, who waits for a decision, and by which policy a channel is screened. The marketplace's own.

A review is decided by creating a decision; the order's hold decides who was first, so of two admins one is told what the other did.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from haat.domain import channels, fraud, orders
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions
from haat.faces.api.orders import order_id_in
from haat.faces.api.paging import PLACE, Limit, Page, bad_cursor, page_headers, place
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin

HOLD = "FRAUD_REVIEW"
TAG = "Fraud"
POLICY = {"review_at": 350, "weights": {"known_refusals": 150, "ip_velocity": 0}, "limits": {"first_order_cod": {"amount_max": 1_500_000}}}
DECISION = {"decision": "approve", "reason": "Called: the buyer expects the parcel."}

ABOUT_DECISIONS = """`id` is the order's. The same decision again by the same person is answered with 200 and changes nothing; a review that
somebody else decided is a conflict that says who, how and when."""
ABOUT_POLICIES = "What is left out is as the house begins with, not as it was. Orders are screened by it from a second later on."


class ReviewsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    channel: Annotated[str, Meta(max_length=64)] | None = None
    cursor: PLACE = None
    limit: Limit = 50


class ReviewView(msgspec.Struct, frozen=True):
    """An order that waits for a person. `reasons` with the points that each counted, the heaviest first; `age_s` since it was held."""

    order_id: str
    number: str
    channel: str
    amount: int
    currency: str
    payment_method: str
    placed_at: datetime
    score: int
    reasons: list[dict[str, Any]]
    opened_at: datetime
    age_s: int
    until: datetime | None
    overdue: bool


class ReviewPage(msgspec.Struct, frozen=True):
    data: list[ReviewView]
    page: Page


class DecisionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`approve` releases the order, `reject` ends it and gives everything back. `reason` is for the desk."""

    decision: Literal["approve", "reject"]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class DecisionView(msgspec.Struct, frozen=True):
    """A decision as it stands."""

    order_id: str
    decision: str
    by: str
    at: datetime
    status: str


class Scores(msgspec.Struct, frozen=True):
    """Every screening of an order, the newest first."""

    data: list[fraud.Score]


class RuleView(msgspec.Struct, frozen=True):
    """A rule or model that can be weighed."""

    code: str
    kind: Literal["rule", "model"]
    version: int
    title: str
    title_bn: str
    weight: int
    limits: Mapping[str, int]


class RuleViews(msgspec.Struct, frozen=True):
    data: list[RuleView]


class Policies(msgspec.Struct, frozen=True):
    data: list[fraud.Policy]


def endpoints(shop: Shop, rules: Mapping[str, fraud.Rule], models: Mapping[str, fraud.Model]) -> list[Endpoint]:
    desk, settings = _Desk(shop), _Settings(shop, rules, models)
    one = "/v1/fraud-policies/{channel}"
    return [
        Endpoint("GET", "/v1/orders/{id}/fraud-scores", "listFraudScores", "How an order was screened, with the receipts", desk.scores, TAG,
                 access.STAFF, answers={200: Scores}, problems=(404,), scope="fraud_reviews:read"),
        Endpoint("GET", "/v1/fraud-reviews", "listFraudReviews", "Orders held for review, oldest first", desk.reviews, TAG, access.STAFF,
                 query=ReviewsQuery, answers={200: ReviewPage}, problems=(400,)),
        Endpoint("POST", "/v1/fraud-reviews/{id}/decisions", "decideFraudReview", "Approve or reject a held order", desk.decide, TAG,
                 access.STAFF, DecisionRequest, answers={200: DecisionView, 201: DecisionView},
                 problems=(404, 409, 412, 413, 415, 422, 503), example=DECISION, description=ABOUT_DECISIONS),
        Endpoint("GET", "/v1/fraud-rules", "listFraudRules", "The rules and models that a policy weighs", settings.rules, TAG, access.STAFF,
                 answers={200: RuleViews}, scope="fraud_policies:read"),
        Endpoint("GET", "/v1/fraud-policies", "listFraudPolicies", "All policies", settings.many, TAG, access.STAFF,
                 answers={200: Policies}),
        Endpoint("GET", one, "getFraudPolicy", "A channel's policy", settings.one, TAG, access.STAFF,
                 answers={200: fraud.Policy, 304: None}, problems=(404,),
                 description="`default` is the one of channels without their own."),
        Endpoint("PUT", one, "putFraudPolicy", "Write a channel's policy", settings.put, TAG, access.STAFF, fraud.PolicySheet,
                 answers={200: fraud.Policy, 201: fraud.Policy}, problems=(404, 412, 413, 415, 422), example=POLICY,
                 description=ABOUT_POLICIES),
        Endpoint("GET", one + "/versions", "listFraudPolicyVersions", "All that a channel's policy ever was", settings.versions, TAG,
                 access.STAFF, answers={200: Policies}, problems=(404,)),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def scores(self, call: Call) -> Answer:
        order_id = order_id_in(call)
        async with self._shop.database.reading() as tx:
            found = await fraud.scores(tx, order_id)
            if not found and order_id not in await self._shop.orders.read(tx, [order_id]):
                raise access.unknown()
        return Answer(200, Scores(found))

    async def reviews(self, call: Call) -> Answer:
        asked: ReviewsQuery = call.query
        now = self._shop.clock.now()
        async with self._shop.database.reading() as tx:
            found = await fraud.reviews(tx, after=_after(asked.cursor), channel=asked.channel, limit=asked.limit + 1)
            shown = found[: asked.limit]
            known = await self._shop.orders.read(tx, [review.order_id for review in shown])
        held = [(r, known[r.order_id]) for r in shown if r.order_id in known and _waits(known[r.order_id], asked.channel)]
        last = shown[-1] if len(found) > asked.limit else None
        page = Page.behind(None if last is None else [last.opened_at.isoformat(), last.order_id], asked.limit)
        return Answer(200, ReviewPage([_view(review, order, now) for review, order in held], page), page_headers(page, asked))

    async def decide(self, call: Call) -> Answer:
        asked: DecisionRequest = call.data
        order_id, now = order_id_in(call), self._shop.clock.now()
        origin = Origin(call.principal.actor, "api", call.trace)
        try:
            changed = await self._shop.changing.submit(
                orders.Change(order_id, _decision(asked), now, origin, conditions.expected(call)),
            )
        except Refused as refusal:
            if refusal.code != "no_review":
                raise
            return await self._decided(order_id, asked, call.principal.actor)
        after = changed.after
        headers = [conditions.etag(after.version), (b"location", b"/v1/orders/" + after.id.encode())]
        return Answer(201, DecisionView(after.id, asked.decision, call.principal.actor, now, after.status), headers)

    async def _decided(self, order_id: str, asked: DecisionRequest, actor: str) -> Answer:
        """The decision that stands, where it is this very one; else who was first."""
        async with self._shop.database.reading() as tx:
            stream = (await orders.streams(self._shop.journal, tx, [order_id])).get(order_id, [])
        order = orders.fold(stream)
        for recorded in reversed(stream):
            decision = _decision_in(recorded.fact)
            if decision and order is not None:
                if (decision, recorded.actor) == (asked.decision, actor):
                    return Answer(200, DecisionView(order_id, decision, actor, recorded.at, order.status))
                raise Refused(
                    "already_decided", "Somebody was faster.", kind="conflict",
                    decision=decision, by=recorded.actor, at=recorded.at.isoformat(),
                )  # fmt: skip
        raise Refused("no_review", "The order is not held for review.", kind="conflict")


class _Settings:
    def __init__(self, shop: Shop, rules: Mapping[str, fraud.Rule], models: Mapping[str, fraud.Model]) -> None:
        self._shop = shop
        self._rules = rules
        self._models = models

    async def rules(self, call: Call) -> Answer:
        del call
        found = [RuleView(r.code, "rule", r.version, r.title, r.title_bn, r.weight, r.limits) for r in self._rules.values()]
        found += [RuleView(m.code, "model", m.version, m.title, m.title_bn, m.weight, {}) for m in self._models.values()]
        return Answer(200, RuleViews(found))

    async def many(self, call: Call) -> Answer:
        del call
        async with self._shop.database.reading() as tx:
            found = {fraud.DEFAULT: fraud.BUILT_IN, **await fraud.policies(tx)}
        return Answer(200, Policies([found[channel] for channel in sorted(found)]))

    async def one(self, call: Call) -> Answer:
        async with self._shop.database.reading() as tx:
            found = (await fraud.policies(tx)).get(call.path["channel"])
        if found is None:
            if call.path["channel"] != fraud.DEFAULT:
                raise Refused("unknown_policy", "This channel has no policy of its own; see default.", kind="missing")
            found = fraud.BUILT_IN
        if conditions.unchanged(call, found.version):
            return Answer(304, headers=[conditions.etag(found.version)])
        return Answer(200, found, [conditions.etag(found.version)])

    async def put(self, call: Call) -> Answer:
        sheet: fraud.PolicySheet = call.data
        channel = call.path["channel"]
        fraud.check_policy(sheet, self._rules, self._models)
        expected = conditions.expected(call)
        async with self._shop.database.transaction() as tx:
            if channel != fraud.DEFAULT and await channels.channel(tx, channel) is None:
                raise Refused("unknown_channel", "There is no such channel.", kind="missing")
            before = (await fraud.policies(tx)).get(channel)
            if before is None and channel != fraud.DEFAULT and conditions.must_exist(call):
                raise Refused("stale", "This channel has no policy of its own yet.", kind="stale")
            found = await fraud.put_policy(tx, channel, sheet, expected=expected, by=call.principal.actor, now=self._shop.clock.now())
        headers = [conditions.etag(found.version), (b"location", b"/v1/fraud-policies/" + channel.encode())]
        return Answer(201 if before is None and found.version else 200, found, headers)

    async def versions(self, call: Call) -> Answer:
        async with self._shop.database.reading() as tx:
            found = await fraud.former_policies(tx, call.path["channel"])
        if not found and call.path["channel"] != fraud.DEFAULT:
            raise Refused("unknown_policy", "This channel never had a policy of its own.", kind="missing")
        return Answer(200, Policies(found))


def _decision(asked: DecisionRequest) -> Callable[[orders.Order], tuple[Fact, ...]]:
    def decide(order: orders.Order) -> tuple[Fact, ...]:
        held = [hold.id for hold in order.holds if hold.kind == HOLD]
        if not held:
            raise Refused("no_review", "The order is not held for review.", kind="conflict")
        if asked.decision == "reject":
            return orders.checking.reject(order, reason="screening", detail=asked.reason)
        return tuple(fact for hold_id in held for fact in orders.release(order, hold_id=hold_id, reason=asked.reason))

    return decide


def _decision_in(fact: Fact) -> str:
    """What a fact decided of a review; empty where it did not."""
    match fact:
        case orders.events.OrderReleased() if fact.kind == HOLD:
            return "approve"
        case orders.events.OrderRejected():
            return "reject"
        case orders.events.OrderCancelled():
            return "cancelled"
        case orders.events.OrderExpired():
            return "expired"
        case _:
            return ""


def _waits(order: orders.Order, channel: str | None) -> bool:
    return channel in (None, order.channel) and any(hold.kind == HOLD for hold in order.holds)


def _view(review: fraud.Review, order: orders.Order, now: datetime) -> ReviewView:
    age = max(int((now - review.opened_at).total_seconds()), 0)
    return ReviewView(
        order.id, order.number, order.channel, order.totals.grand, order.currency, order.payment_method, order.placed_at,
        review.score, review.findings, review.opened_at, age, review.until, review.until is not None and review.until < now,
    )  # fmt: skip


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    opened_at, order_id = place(cursor, 2)
    if not order_id:
        return None
    try:
        at = datetime.fromisoformat(opened_at)
    except ValueError as error:
        raise bad_cursor() from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)), conditions.uuid_of(order_id)
