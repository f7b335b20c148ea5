"""Words for speaking with somebody outside: what is asked, what comes back, what is heard without asking. Pure.

A connector does no I/O. Each of its operations is a generator, a conversation: it yields requests, is sent replies and returns
a typed value; `engine/outside` drives it (time limit, breaker, concurrency, tokens, record), a test feeds it replies.

    def query(connection, known, now) -> Conversation[Observation]:
        token = yield from token_of(Token("access", partial(grant, connection)))
        reply = yield from ask(Request("GET", f"{base}/payments/{known.reference}", {"authorization": token}, question=True))
        …

Three ends besides a value: `Unavailable` (it surely did not happen), `Unknown` (it may have; ask, never repeat blindly), `Refused`.
"""

from collections.abc import Callable, Collection, Generator, Mapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Struct

from haat.kernel.errors import HaatError, Unavailable

Value = TypeVar("Value")
NOTHING: Mapping[str, str] = {}


class Unknown(HaatError):
    """Something was sent that may have taken effect, and no answer tells. It is asked about until it is known; it never failed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Connection(Struct, frozen=True, kw_only=True):
    """An outside party as an operator has set it up. `config` and `secrets` are of the types that its plug-in declares.

    `limit_s` bounds one whole operation, `concurrency` how many run at once in one process. `fallback`: the code of the
    connection that serves in its place while it does not answer; empty where the next best one does.
    """

    kind: str
    code: str
    plugin: str
    title: str = ""
    config: Any = None
    secrets: Any = None
    active: bool = True
    priority: int = 100
    concurrency: int = 8
    limit_s: int = 30
    fallback: str = ""


def stand_in(party: str, fallback: Callable[[str], str], able: Collection[str]) -> str:
    """Who of those that are `able` serves in place of `party`: its fallback, else that one's, and so on.

    Empty where the chain has none of them; one that comes round ends there.
    """
    seen = {party}
    while (party := fallback(party)) and party not in seen:
        if party in able:
            return party
        seen.add(party)
    return ""


class Request(Struct, frozen=True):
    """One HTTP request. Header names are lower case.

    `question`: it changes nothing over there, so when its answer is lost nothing has happened. `repeatable`: sent twice it has
    the effect of once (a question, or it carries an idempotency key), so the driver may send it again after a lost connection.
    """

    method: str
    url: str
    headers: Mapping[str, str] = NOTHING
    body: bytes = b""
    question: bool = False
    repeatable: bool = False


class Reply(Struct, frozen=True):
    """What came back. Header names are lower case; the body is bounded by the driver."""

    status: int
    headers: Mapping[str, str] = NOTHING
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON; None where it is none, as gateways in trouble answer with pages for people."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def fields(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        found = self.json()
        return found if isinstance(found, dict) else {}


class Granted(Struct, frozen=True):
    """A token and for how long it holds; `refresh` is handed to the next grant."""

    text: str
    expires_in_s: int
    refresh: str = ""


class Token(Struct, frozen=True):
    """Asks the driver for a cached token of this connection, shared by all processes.

    `grant(refresh)` gets a new one; only one process does at a time. `refused`: a token that the party does not take any more,
    so that it is not handed out again. `grants_per_hour`: above it the driver says Unavailable rather than be blocked over there.
    """

    name: str
    grant: "Callable[[str], Conversation[Granted]]"
    refused: str = ""
    grants_per_hour: int = 60


Conversation: TypeAlias = Generator[Request | Token, Any, Value]


def ask(request: Request) -> Conversation[Reply]:
    """Send one request: `reply = yield from ask(Request(…))`."""
    reply = yield request
    assert isinstance(reply, Reply), "the driver sends a reply for a request"
    return reply


def post_json(url: str, value: Any, headers: Mapping[str, str] = NOTHING, *, question: bool = False, repeatable: bool = False) -> Request:
    """A POST of a JSON document that wants one back."""
    said = {"content-type": "application/json", "accept": "application/json", **headers}
    return Request("POST", url, said, msgspec.json.encode(value), question, repeatable)


def post_form(url: str, pairs: Mapping[str, str], headers: Mapping[str, str] = NOTHING, *, question: bool = False) -> Request:
    """A POST of form fields, as a browser would send them."""
    said = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json", **headers}
    return Request("POST", url, said, urlencode(pairs).encode(), question)


def token_of(token: Token) -> Conversation[str]:
    """Get a token: `text = yield from token_of(Token(…))`."""
    text = yield token
    assert isinstance(text, str), "the driver sends a text for a token"
    return text


def answered(reply: Reply, *, question: bool = False) -> Reply:
    """The reply, unless it says that the party is in trouble.

    429 and 503: it was not taken up (Unavailable). Any other 5xx: Unavailable for a question, else Unknown.
    """
    if reply.status in (429, 503):
        wait = reply.headers.get("retry-after", "")
        raise Unavailable("outside_busy", f"answered {reply.status}", retry_after_s=min(int(wait), 600) if wait.isdecimal() else 5)
    if reply.status >= 500:
        if question:
            raise Unavailable("outside_trouble", f"answered {reply.status}", retry_after_s=5)
        raise Unknown("outside_trouble", f"answered {reply.status}")
    return reply


class Hook(Struct, frozen=True):
    """Something that arrived at our door. Header names are lower case; `body` is raw, as signatures are made over it."""

    method: str = "POST"
    headers: Mapping[str, str] = NOTHING
    query: Mapping[str, str] = NOTHING
    body: bytes = b""

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    def fields(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        return Reply(200, body=self.body).fields()

    def form(self) -> dict[str, str]:
        """The body as form fields; empty where it is none."""
        try:
            return dict(parse_qsl(self.body.decode("utf-8"), keep_blank_values=True, max_num_fields=200))
        except (UnicodeDecodeError, ValueError):
            return {}


class Heard(Struct, frozen=True):
    """A hook that is what it says. `key` is equal for the same news told twice; stored once per connection.

    The answer is what the party expects to hear. `keep` is False for a mere greeting (a registration probe): answered, not stored.
    """

    key: str
    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = NOTHING
    keep: bool = True
