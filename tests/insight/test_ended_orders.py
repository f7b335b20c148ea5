"""What may wait of an order that is completed: nothing but the reminder of an exception that is open."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from haat.domain import orders
from haat.insight.auditing import Page, Waiting
from haat.insight.invariants import steps
from tests.domain.orders.histories import NOW, a_line, placed

TROUBLE = orders.Trouble("46.0", "fulfilment", "look_at", "booked_twice", "operations")


@pytest.mark.parametrize(
    ("flow", "step", "subject", "open_", "wrong"),
    [
        ("exceptions", "escalate", "46.0", True, False),
        ("exceptions", "escalate", "46.0", False, True),
        ("exceptions", "escalate", "12.1", True, True),
        ("fulfilment", "track", "46.0", True, True),
    ],
)
async def test_a_completed_order_waits_for_the_owner_of_an_open_exception_only(
    flow: str, step: str, subject: str, open_: bool, wrong: bool
) -> None:
    order = msgspec.structs.replace(placed(a_line(1, 1, 10_000)), status="completed", exceptions=(TROUBLE,) if open_ else ())
    waiting = Waiting("46.1", flow, step, subject, "due", NOW + timedelta(hours=24))
    nobody: Any = None
    found = await steps.INVARIANT.look(nobody, Page([order], {}, {order.id: [waiting]}, {}, ()), nobody)  # type: ignore[misc]
    assert [each.subject for each in found] == [order.id] * wrong
