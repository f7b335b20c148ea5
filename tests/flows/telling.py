"""A shop that tells people things, for tests: a journal to write facts into, a teller, senders, and real servers that listen.

The mail server is aiosmtpd, the gateway a real HTTP server; both run in the test's own loop and write down what they were handed.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from haat.domain import channels, notifications, orders, vendors
from haat.domain.orders import events
from haat.engine import journal, plugins
from haat.engine.changes import Memory
from haat.engine.clock import Hands
from haat.engine.database import Database
from haat.engine.draw import Draw
from haat.engine.followers import Follower
from haat.engine.outside import Book, Outside, Vault, connections
from haat.flows import notifying
from haat.kernel.facts import Fact, Origin

NOON = datetime(2026, 11, 2, 6, tzinfo=UTC)  # noon in Dhaka
PHONE, EMAIL = "+8801712345678", "rahima@example.com"
PLUGINS = {"transport": plugins.load("haat.domain.notifications.transports", "TRANSPORT", notifications.Transport)}
LINKS = notifying.Links("https://shop.example", b"o" * 32, b"p" * 32)
VO_A, VO_B = "0198a000-0000-7000-8000-0000000000a1", "0198a000-0000-7000-8000-0000000000a2"
PARCEL = "0198a000-0000-7000-8000-000000000001"


class Shop(msgspec.Struct):
    """A teller and what it needs; `sender()` makes one more sender, as another process would."""

    database: Database
    clock: Hands
    draw: Draw
    journal: journal.Journal
    memory: Memory
    book: Book
    outside: Outside
    teller: notifying.Teller
    follower: Follower

    def sender(self) -> notifying.Sender:
        return notifying.Sender(self.database, self.clock, self.draw.uuid, self.outside, self.memory)

    async def happen(
        self, *facts: Fact, order: str | None = None, after: int = 0, cause: str = "api", at: datetime | None = None, follow: bool = True
    ) -> str:
        """Facts are appended to an order (a new one where none is named) and followed."""
        order = order or self.draw.uuid()
        append = journal.Append(order, after, facts, at or self.clock.now(), Origin("system", cause))
        async with self.database.transaction() as tx:
            await self.journal.append(tx, [append])
        if follow:
            await self.follower.step()
        return order

    async def connect(self, code: str, plugin: str, config: dict[str, Any], secrets: dict[str, Any] | None = None, **more: Any) -> None:
        sheet = connections.Sheet(kind="transport", plugin=plugin, config=config, secrets=secrets or {}, **more)
        async with self.database.transaction() as tx:
            await connections.put(tx, {code: sheet}, PLUGINS, self.outside.vault, now=self.clock.now())
        await self.memory.catch_up()

    async def behave(self, **said: Any) -> None:
        """The shop's manners."""
        async with self.database.transaction() as tx:
            await notifications.put_manners(tx, notifications.Manners(**said), by="test", now=self.clock.now())
        await self.memory.catch_up()

    async def prefer(self, who: str, **said: Any) -> None:
        async with self.database.transaction() as tx:
            await notifications.put_preference(tx, who, notifications.Preference(**said), by="test", now=self.clock.now())

    async def told(self, order: str | None = None) -> list[notifications.Notification]:
        async with self.database.reading() as tx:
            return sorted(await notifications.find(tx, notifications.Search(order=order), limit=1000), key=lambda each: each.id)

    async def send_all(self, *senders: notifying.Sender) -> None:
        """Turn until nobody has anything to do."""
        turning = senders or (self.sender(),)
        if not senders:
            await self.memory.catch_up()
        while any(await asyncio.gather(*[each.turn() for each in turning])):
            pass


@asynccontextmanager
async def shop(dsn: str, database: Database, *, now: datetime = NOON) -> AsyncIterator[Shop]:
    clock = Hands(now)
    memory = Memory(database)
    vault = Vault(["s" * 32])
    book = Book(memory, PLUGINS, vault)
    outside = Outside(database, clock, book, vault)
    async with database.transaction() as tx:
        base = await journal.position_base(tx)
        await channels.upsert(tx, [channels.ChannelSheet(code="web", kind="web", name="Web", language="en")], now=now)
        sheets = [vendors.VendorSheet(code=c, name_en=f"Shop {c}", phone="+8801811111111", email=f"{c}@example.com") for c in ("a", "b")]
        await vendors.upsert(tx, sheets, now=now)
    ledger = journal.Journal(orders.events.decode, position_base=base)
    draw = await Draw.open(clock, database)
    teller = notifying.Teller(ledger, clock, draw.uuid, book, memory, LINKS)
    await memory.start()
    try:
        follower = Follower(notifying.FOLLOWER, database, ledger, teller.deal, idle=teller.idle)
        yield Shop(database, clock, draw, ledger, memory, book, outside, teller, follower)
    finally:
        await memory.stop()
        await outside.close()


def created(*, method: str = "cod", email: str = EMAIL, phone: str = PHONE, country: str = "BD", name: str = "Rahima Khatun") -> Fact:
    """Two tea of vendor a, one pot of vendor b."""
    lines = (
        events.Line(1, "TEA", "a", "Sylhet tea", 2, 100_00, 200_00, name_bn="সিলেটের চা"),
        events.Line(2, "POT", "b", "Clay pot", 1, 50_00, 50_00, name_bn="মাটির হাঁড়ি"),
    )
    shares = (events.Share(VO_A, "a", 200_00, 0, 0, 0, 200_00), events.Share(VO_B, "b", 50_00, 0, 0, 0, 50_00))
    return events.OrderCreated(
        number="7KQ2-M9XF-4", channel="web", currency="BDT", customer=events.Customer(name, phone, email),
        ship_to=orders.Address(recipient=name, phone=phone, district="Dhaka", country=country), lines=lines, vendor_orders=shares,
        totals=events.Totals(250_00, 0, 0, 0, 0, 250_00), payment_method=method, basket=1,
    )  # fmt: skip


def until_shipped() -> tuple[Fact, ...]:
    """What comes between the order and the road, for vendor a's parcel."""
    held = tuple(events.Reservation(n, sku, "DHK", units) for n, sku, units in ((1, "TEA", 2), (2, "POT", 1)))
    parcel = events.PlannedParcel(PARCEL, VO_A, "DHK", (events.ParcelLine(1, 2),))
    return (
        events.OrderStockReserved(held),
        events.OrderInventoryAllocated("plan", (parcel,)),
        events.OrderConfirmed(),
        events.VendorOrderOffered(VO_A, NOON + timedelta(hours=4)),
        events.VendorOrderAccepted(VO_A),
        events.OrderFulfillmentStarted(PARCEL),
        events.OrderParcelPacked(PARCEL),
        events.OrderShipmentBooked(PARCEL, "pathao", "DC1", "https://courier.example/DC1", cash=200_00),
    )


class Post:
    """A mail server's memory. `on_data` decides what it answers; `accept` whether an address is served."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.port = 0
        self.on_data: Callable[[EmailMessage], Awaitable[str]] | None = None
        self.unknown: set[str] = set()
        self.logins: list[tuple[str, str]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if address in self.unknown:
            return "550 5.1.1 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content or b"", _class=EmailMessage, policy=policy.default)  # type: ignore[arg-type]
        self.mails.append(mail)
        return "250 taken" if self.on_data is None else await self.on_data(mail)

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        pair = (data.login.decode(), data.password.decode())
        self.logins.append(pair)
        return AuthResult(success=pair == ("shop", "secret"), handled=False, auth_data=pair)


@asynccontextmanager
async def mail_server(*, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Post]:
    post = Post()
    if options.get("auth_required"):
        options |= {"authenticator": post.authenticate}
    lines: list[SMTP] = []

    def answered() -> SMTP:
        lines.append(SMTP(post, hostname="localhost", **options))
        return lines[-1]

    server = await asyncio.get_running_loop().create_server(answered, "127.0.0.1", 0, ssl=tls)
    post.port = server.sockets[0].getsockname()[1]
    try:
        yield post
    finally:
        server.close()
        for line in lines:
            if line.transport is not None:
                line.transport.abort()
        await server.wait_closed()


class Gateway:
    """An HTTP server's memory: what it was handed, and what it answers (a status, a body, or nothing at all)."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.url = ""
        self.answer: Callable[[web.Request, bytes], Awaitable[web.Response]] | None = None

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append(({name.lower(): value for name, value in request.headers.items()}, body))
        return web.json_response({}) if self.answer is None else await self.answer(request, body)

    @property
    def bodies(self) -> Sequence[dict[str, Any]]:
        return [msgspec.json.decode(body) for _, body in self.requests]


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    heard = Gateway()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", heard.handle)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    heard.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    try:
        yield heard
    finally:
        await runner.cleanup()


def certificate(place: Path) -> tuple[str, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that only we trust: its PEM, and what a server needs to show it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (place / "server.pem").write_bytes(key.private_bytes(*form) + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "server.pem")
    return pem.decode(), context
