"""Policies: what the marketplace has decided about its orders, payments, allocation and fulfilment. The marketplace's own.

What is read is what is written back: GET one, change it, PUT it with the version that was seen.
"""

from functools import partial
from typing import Any

import msgspec

from haat.domain import orders
from haat.engine import policies
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions
from haat.faces.api.shop import Shop
from haat.flows import allocating, fulfilling, paying
from haat.kernel.errors import Refused

TAG = "Policies"
ABOUT = """What is left out is as the house begins with, not as it was. It holds from a second later on for what is decided then; a timer
that was set goes off when it was to. Spans are ISO 8601 durations («PT30M»), amounts minor units; a bound that is overstepped is named."""
ORDERS = {"values": {"least": 1, "most": 100_000_000, "cod_max": 5_000_000}, "unresolved_address": "refuse"}


class OrderPolicy(orders.Policy, frozen=True, forbid_unknown_fields=True):
    __doc__ = orders.Policy.__doc__


class PaymentPolicy(paying.Policy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    __doc__ = paying.Policy.__doc__


class AllocationPolicy(allocating.Policy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    __doc__ = allocating.Policy.__doc__


class FulfilmentPolicy(fulfilling.Policy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    __doc__ = fulfilling.Policy.__doc__


class PolicyVersions(msgspec.Struct, frozen=True):
    data: list[policies.PolicyVersion]


#: By subject: what is written, whose type it is kept by, a title and an example.
_SUBJECTS: dict[str, tuple[type[msgspec.Struct], type[msgspec.Struct], str, dict[str, Any]]] = {
    "orders": (OrderPolicy, orders.Policy, "Which orders are taken", ORDERS),
    "payment": (PaymentPolicy, paying.Policy, "How money is asked for", {"pay_within": "PT45M", "attempts_max": 5}),
    "allocation": (AllocationPolicy, allocating.Policy, "What becomes of refused lines", {"rejections_max": 4}),
    "fulfilment": (FulfilmentPolicy, fulfilling.Policy, "How goods are followed", {"tries_max": 3, "silent_after": "P6D"}),
}
_KINDS = {code: kind for code, (_, kind, _, _) in _SUBJECTS.items()}


def endpoints(shop: Shop) -> list[Endpoint]:
    found = [
        Endpoint("GET", "/v1/policies", "listPolicies", "All policies in force", partial(_many, shop), TAG, access.STAFF,
                 answers={200: PolicyVersions}),
        Endpoint("GET", "/v1/policies/{code}/versions", "listPolicyVersions", "All that a policy ever was", partial(_versions, shop), TAG,
                 access.STAFF, answers={200: PolicyVersions}, problems=(404,)),
    ]  # fmt: skip
    for code, (sheet, _, title, example) in _SUBJECTS.items():
        path, name = f"/v1/policies/{code}", sheet.__name__
        found += [
            Endpoint("GET", path, f"get{name}", title, partial(_one, shop, code), TAG, access.STAFF, answers={200: sheet, 304: None}),
            Endpoint("PUT", path, f"put{name}", f"{title}: say so", partial(_put, shop, code), TAG, access.STAFF, sheet,
                     answers={200: sheet}, problems=(412, 413, 415, 422), example=example, description=ABOUT),
        ]  # fmt: skip
    return found


async def _many(shop: Shop, call: Call) -> Answer:
    del call
    async with shop.database.reading() as tx:
        found = await policies.in_force(tx, _KINDS)
    return Answer(200, PolicyVersions([found[code] for code in sorted(found)]))


async def _versions(shop: Shop, call: Call) -> Answer:
    code = call.path["code"]
    if code not in _KINDS:
        raise Refused("unknown_policy", "There is no such policy.", kind="missing", known=sorted(_KINDS))
    async with shop.database.reading() as tx:
        found = await policies.versions(tx, code)
    return Answer(200, PolicyVersions([*found, policies.beginning(code, _KINDS[code])]))


async def _one(shop: Shop, code: str, call: Call) -> Answer:
    async with shop.database.reading() as tx:
        found = (await policies.in_force(tx, {code: _KINDS[code]}))[code]
    if conditions.unchanged(call, found.version):
        return Answer(304, headers=[conditions.etag(found.version)])
    return Answer(200, found.policy, [conditions.etag(found.version)])


async def _put(shop: Shop, code: str, call: Call) -> Answer:
    wanted = _KINDS[code](**msgspec.structs.asdict(call.data))
    async with shop.database.transaction() as tx:
        found = await policies.put(
            tx, code, wanted, by=call.principal.actor, now=shop.clock.now(), expected=conditions.expected(call)
        )  # fmt: skip
    return Answer(200, found.policy, [conditions.etag(found.version)])
