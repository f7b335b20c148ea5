"""Reminders that reach somebody: from a step that nobody repairs and an offer that nobody answers to the mail that leaves, once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from haat.domain import notifications, vendors
from haat.domain.orders import events
from haat.engine.database import Tx
from haat.engine.flowing import Dead, Flow, Local, Outcome, Step, Task
from haat.engine.followers import Follower
from haat.engine.outside import connections
from haat.flows import notifying, repairing
from tests.flows import fulfilling_ground, stage
from tests.flows.telling import PLUGINS, Gateway, Post, gateway, mail_server

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Ears:
    """Who is told by this market: a mail server, a gateway of SMS and a web address, and what each of them heard."""

    def __init__(self, on: stage.Stage, post: Post, heard: Gateway) -> None:
        self._parts = on.parts
        self._follower = Follower(notifying.FOLLOWER, on.parts.database, on.parts.journal, on.parts.desks.teller.deal)
        self._post = post
        self._heard = heard

    async def catch_up(self) -> None:
        """All that happened is told."""
        while await self._follower.step():
            pass
        while await self._parts.desks.sender.turn():
            pass

    def mails(self, words: str) -> list[tuple[str, str]]:
        """(to whom, what) of the mails with these words in their subject."""
        found = []
        for mail in self._post.mails:
            text = mail.get_body(("plain",))
            if words in mail["Subject"]:
                assert text is not None
                found.append((str(mail["To"]), text.get_content()))
        return found

    def bodies(self, **that: str) -> list[dict[str, Any]]:
        """What the gateway and the web address were handed, where this stands in it."""
        return [body for body in self._heard.bodies if that.items() <= body.items()]


@asynccontextmanager
async def ears(on: stage.Stage) -> AsyncIterator[Ears]:
    async with mail_server() as post, gateway() as heard:
        sheets = {
            "mail": ("smtp", {"host": "127.0.0.1", "port": post.port, "security": "none", "sender": "shop@example.com"}, {}),
            "sms": ("http_sms", {"url": f"{heard.url}/sms", "body": '{"to": "${to}", "text": "${text}"}', "taken": "{}"}, {}),
            "hook": ("webhook", {"url": f"{heard.url}/hook"}, {"secrets": [SECRET]}),
        }
        made = {c: connections.Sheet(kind="transport", plugin=p, config=config, secrets=s) for c, (p, config, s) in sheets.items()}
        async with on.parts.database.transaction() as tx:
            await connections.put(tx, made, PLUGINS, on.parts.desks.outside.vault, now=on.clock.now())
            owners = {"payments": ("books@example.com",), "fulfilment": ("parcels@example.com",)}
            await notifications.put_manners(tx, notifications.Manners(owners=owners), by="test", now=on.clock.now())
        await on.parts.memory.catch_up()
        yield Ears(on, post, heard)


def stuck() -> Flow:
    """A flow of one step of the owner «payments» that cannot be done."""

    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return [Dead("no_paper") for _ in tasks]

    facts = frozenset({events.OrderStockReserved})
    run_table = {"print": Local(run=run, owner="payments")}
    return Flow(code="toy", title="Toy", facts=facts, decide=lambda order, fact: (Step("print"),), run=run_table)


async def test_the_owner_of_an_exception_that_waits_is_reminded_by_mail_and_webhook_once(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, stuck(), repairing.flow()) as s, ears(s) as heard:
        order = await s.place()
        await s.settle()
        await s.later(hours=23)
        await heard.catch_up()
        assert not heard.mails("still stuck") and not heard.bodies(type="notification.exception_escalated")
        for _ in range(4):
            await s.later(hours=12)
            await heard.catch_up()
        ((to, text),) = heard.mails(f"{order.number} is still stuck: no_paper")
        assert to == "books@example.com" and "print" in text and "waits for payments, since Sun 1 Nov, 12:00 pm" in text
        (told,) = heard.bodies(type="notification.exception_escalated")
        said = {"order_id": order.id, "owner": "payments", "cause": "no_paper", "since": "2026-11-01T06:00:00Z"}
        assert said.items() <= told["data"].items()
        assert len(heard.mails("is stuck")) == 1, "and was told of it when it was raised"
        assert not (await s.order(order.id)).notes


async def test_a_vendor_that_has_not_answered_is_reminded_by_mail_and_sms_once(dsn: str, tmp_path: Path) -> None:
    async with fulfilling_ground.opened(dsn, tmp_path) as ground, ears(ground.stage) as heard:
        reached = vendors.VendorSheet(
            code="shop-a", name_en="Shop A", phone="+8801811111111", email="a@example.com", handling=vendors.Handling(acceptance_hours=4)
        )
        async with ground.stage.parts.database.transaction() as tx:
            await vendors.upsert(tx, [reached], now=ground.stage.clock.now())
        await ground.stage.parts.memory.catch_up()
        order = await ground.confirmed({"TEA": 2})
        await ground.later(order, hours=1)
        await heard.catch_up()
        assert heard.mails("for you") and not heard.mails("waits for your answer")
        for _ in range(4):
            order = await ground.later(order, minutes=61)
            await heard.catch_up()
        assert order.vendor_orders[0].answer == "rejected"
        ((to, text),) = heard.mails(f"{order.number} waits for your answer")
        assert to == "a@example.com" and "2 × Tea" in text and "accept or reject it by Sun 1 Nov, 4:00 pm" in text
        (sms,) = [body["text"] for body in heard.bodies(to="+8801811111111") if "still waits" in body["text"]]
        assert order.number in sms and not order.notes
