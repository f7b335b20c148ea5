"""Plays the other end of a courier's conversation: replies go in, what was asked and what it came to come out."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from haat.domain.fulfilment.courier import Area, Consignment, Recipient
from haat.kernel.outside import Conversation, Hook, Reply, Request, Token

REFERENCE = "019ab3c4-0d00-7000-8000-000000000001"
Answering = Callable[[Request], Reply | Exception]


def drive(conversation: Conversation[Any], replies: Sequence[Reply | Exception] | Answering) -> tuple[Any, list[Request]]:
    """Run a conversation with replies (in a row, or as a function of the request); its result, and the requests that it made.

    A token is the word «token», and «newer-token» after that one was refused.
    """
    asked: list[Request] = []
    row = None if callable(replies) else iter(replies)
    reply: Any = None
    try:
        while True:
            wish = conversation.send(reply)
            if isinstance(wish, Token):
                reply = "token" if not wish.refused else "newer-token"
                continue
            asked.append(wish)
            reply = next(row) if row is not None else replies(wish)  # type: ignore[operator]
            if isinstance(reply, Exception):
                conversation.throw(reply)
    except StopIteration as ended:
        return ended.value, asked


def said(status: int, body: Any) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(body).encode())


def told(body: Any, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None) -> Hook:
    return Hook("POST", headers or {}, query or {}, json.dumps(body).encode())


def sent(request: Request) -> Any:
    return json.loads(request.body)


def a_parcel(**more: Any) -> Consignment:
    to = Recipient("Rahima Khatun", "+8801712345678", "House 12, Road 5", "Beside the stadium", "Mirpur 10", "Mirpur", "Dhaka", "1216")
    fields: dict[str, Any] = {"recipient": to, "cash": 125_000, "value": 130_000, "weight_g": 800, "description": "2 mugs"}
    return Consignment(REFERENCE, **(fields | {"area": Area("1", "298", "37", "Mirpur 10")} | more))
