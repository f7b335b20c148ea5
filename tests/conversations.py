"""Plays a connector's conversation without a network: replies in, requests and value out."""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from haat.kernel.outside import Conversation, Reply, Request, Token

Value = TypeVar("Value")
STEPS_MAX = 25


def said(value: Any, status: int = 200, **headers: str) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, {"content-type": "application/json", **headers}, json.dumps(value).encode())


def play(conversation: Conversation[Value], replies: Iterable[Reply | str | Exception] = ()) -> tuple[Value, list[Request | Token]]:
    """The conversation's value and what it asked for. A text answers a token, an exception is thrown in."""
    asked: list[Request | Token] = []
    waiting = iter(replies)
    answer: Reply | str | Exception | None = None
    for _ in range(STEPS_MAX):
        try:
            step = conversation.throw(answer) if isinstance(answer, Exception) else conversation.send(answer)
        except StopIteration as end:
            assert next(waiting, None) is None, "more was answered than asked"
            return end.value, asked
        asked.append(step)
        answer = next(waiting, None)
        assert answer is not None, f"asked {step} and nothing was there to answer"
        assert isinstance(answer, Exception) or isinstance(answer, str) == isinstance(step, Token), f"{step} is answered by {answer}"
    raise AssertionError("a conversation has no end")


def request(step: Request | Token) -> Request:
    assert isinstance(step, Request)
    return step
