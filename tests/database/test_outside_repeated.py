"""A request whose first answer got lost and that was sent once more: what the answer to the repetition says, and what it cannot say."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from haat.engine.changes import Memory
from haat.engine.clock import Hands
from haat.engine.database import Database
from haat.engine.outside import Book, Outside, Vault
from haat.engine.outside.wire import LostError, NotSentError, Sending
from haat.kernel.errors import Unavailable
from haat.kernel.outside import Connection, Conversation, Granted, Reply, Request, Token, Unknown, answered, ask, token_of

CONNECTION = Connection(kind="gateway", code="there", plugin="there")
BUSY, FINE, NO_TOKEN, LOST = Reply(503), Reply(200), Reply(401), LostError("ServerDisconnectedError")
PAY = Request("POST", "https://there.example/pay", {"authorization": "old"}, b"5", repeatable=True)
LOOK = Request("GET", "https://there.example/pay", question=True, repeatable=True)


class Line:
    """A wire on which everything leaves, and that answers as it was told to."""

    def __init__(self) -> None:
        self.answers: list[Reply | Exception] = []

    async def exchange(self, request: Request, sending: Sending) -> Reply:
        sending.left = True
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        assert not self.answers, "more was answered than asked"


@pytest.fixture
async def talk(database: Database) -> AsyncIterator[Callable[..., object]]:
    """Drive a conversation over a line with these answers."""
    vault, line = Vault(["s"]), Line()
    outside = Outside(database, Hands(datetime(2026, 3, 1, 12, tzinfo=UTC)), Book(Memory(database), {}, vault), vault)
    outside._wire = line  # type: ignore[assignment]

    async def driven(conversation: Conversation[Reply], *answers: Reply | Exception) -> Reply:
        line.answers += answers
        return await outside.drive(CONNECTION, conversation)

    yield driven
    await outside.close()


def carefully(*requests: Request) -> Conversation[Reply]:
    for request in requests:
        reply = answered((yield from ask(request)), question=request.question)
    return reply


async def test_that_the_repetition_was_not_taken_says_nothing_of_the_first(talk) -> None:
    with pytest.raises(Unknown, match="outside_busy: answered 503"):
        await talk(carefully(PAY), LOST, BUSY)


async def test_of_a_question_and_of_what_was_sent_once_it_says_that_nothing_happened(talk) -> None:
    with pytest.raises(Unavailable, match="outside_busy"):
        await talk(carefully(LOOK), LOST, BUSY)
    with pytest.raises(Unavailable, match="outside_busy"):
        await talk(carefully(PAY), BUSY)


async def test_a_repetition_that_was_taken_is_the_answer(talk) -> None:
    assert await talk(carefully(PAY), LOST, FINE) == FINE


async def test_a_connector_that_goes_on_has_its_answer_and_the_doubt_is_gone(talk) -> None:
    with pytest.raises(Unavailable, match="outside_busy"):
        await talk(carefully(PAY, LOOK), LOST, FINE, BUSY)


async def test_a_repetition_that_did_not_leave_is_unknown_whatever_the_connector_makes_of_it(talk) -> None:
    def hopeful() -> Conversation[Reply]:
        try:
            return (yield from ask(PAY))
        except Unknown as error:
            raise Unavailable(error.code, error.detail) from error

    with pytest.raises(Unknown, match="outside_lost"):
        await talk(hopeful(), LOST, NotSentError("ClientConnectorError"))


async def test_a_new_token_for_the_same_request_leaves_the_doubt(talk) -> None:
    def grant(refresh: str) -> Conversation[Granted]:
        yield from ask(LOOK)
        return Granted("new", 3600)

    def renewed() -> Conversation[Reply]:
        assert (yield from ask(PAY)) == NO_TOKEN
        token = yield from token_of(Token("access", grant, refused="old"))
        return answered((yield from ask(Request(PAY.method, PAY.url, {"authorization": token}, PAY.body, repeatable=True))))

    with pytest.raises(Unknown, match="outside_busy"):
        await talk(renewed(), LOST, NO_TOKEN, FINE, BUSY)
