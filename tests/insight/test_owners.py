"""Whoever brings a parcel, somebody is at it: a step, a timer, or a person who was told."""

from datetime import timedelta
from typing import Any

import pytest

from haat.domain import orders
from haat.insight.auditing import Page, Waiting
from haat.insight.invariants import owners
from tests.domain.orders.goods_cases import AT, FIRST, SECOND, accepted, at, told


@pytest.mark.parametrize(("step", "wrong"), [("track", False), ("tell", False), ("", True)])
@pytest.mark.parametrize("handed", [True, False])
async def test_a_parcel_that_its_vendor_brings_is_somebody_s_as_any_other(step: str, wrong: bool, handed: bool) -> None:
    order = at(accepted(), "packed")
    if handed:
        order = told(order, orders.fulfilling.hand_over(order, FIRST, reference=FIRST, cash=0))
    waiting = [
        Waiting("1.0", "fulfilment", name, parcel, "due", AT + timedelta(hours=1))
        for name, parcel in ((step, FIRST), ("pack", SECOND))
        if name
    ]
    nobody: Any = None
    found = await owners.INVARIANT.look(nobody, Page([order], {}, {order.id: waiting}, {}, ()), nobody)  # type: ignore[misc]
    assert [FIRST in each.detail for each in found] == [True] * wrong
