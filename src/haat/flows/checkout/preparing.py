"""From a request to an order that is ready to be admitted: priced, validated, its facts written. Pure but for the ids it draws.

    request ─ items ─ place ─ quote ─ verdict ─► Prepared      (at arrival, outside any transaction)

What only the database knows (the last units, counted limits, the same basket minutes ago) is settled in `placing`.
"""

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from haat.domain import orders, people, pricing
from haat.engine import idempotency, quotas
from haat.engine.draw import Draw
from haat.flows.checkout.market import NO_COUPONS, Item, Market, Parties
from haat.flows.checkout.request import ClientRequest, PlaceOrder, QuoteRequest
from haat.flows.checkout.tendering import beside, portions, tendered
from haat.kernel import geography
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin
from haat.kernel.time import unix_ms

FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)
CLOCKS_APART = timedelta(minutes=10)  # how far another system's clock may be ahead of ours
SHIPPED_NOWHERE = ""  # the shipping method of what is picked up or delivered over the wire

_encode = msgspec.json.Encoder().encode


class Ids(msgspec.Struct, frozen=True):
    """Ids of one order: its own, its serial and number, one per vendor."""

    order_id: str
    serial: int
    number: str
    vendor_order_ids: tuple[str, ...]


class Errand(msgspec.Struct, frozen=True):
    """One request's circumstances: the serial and number drawn for it (`Draw.serial`), who asks and when, under which key, with
    which coupons looked up (`Market.coupons`), and the owner of the held stock that becomes the order's."""

    serial: tuple[int, str]
    origin: Origin
    at: datetime
    key: idempotency.Key | None = None
    coupons: Mapping[str, pricing.Coupon] = NO_COUPONS
    cart: str | None = None
    history: bool = False


class Basket(msgspec.Struct, frozen=True):
    """A priced basket with what was found out on the way."""

    quote: pricing.Quote
    items: Mapping[str, Item]
    place: orders.Place | orders.Unresolved | None
    phone: str | None
    buyer: str


class Prepared(msgspec.Struct):
    """An order ready to be admitted. `attempted` is set just before a commit, so that a lost answer can be asked about."""

    request: PlaceOrder
    basket: Basket
    case: orders.Case
    verdict: orders.Verdict
    ids: Ids
    fingerprint: int
    claims: tuple[quotas.Claim, ...]
    demands: tuple[tuple[int, str, int], ...]
    errand: Errand
    attempted: bool = False
    created: orders.events.OrderCreated | None = None

    @property
    def key(self) -> idempotency.Key | None:
        return self.errand.key

    @property
    def cart(self) -> str | None:
        return self.errand.cart

    @property
    def lives_elsewhere(self) -> bool:
        """Another system keeps its status: it is recorded here, and none of our flows moves it."""
        external = self.request.external
        return self.errand.history or (external is not None and bool(external.status))


def price(
    request: QuoteRequest | PlaceOrder,
    market: Market,
    now: datetime,
    *,
    coupons: Mapping[str, pricing.Coupon] = NO_COUPONS,
    without: frozenset[str] = frozenset(),
) -> Basket:
    """Price the basket as it would be sold at `now`. The items must be known (`market.know`), and `coupons` looked up."""
    lines = request.lines
    external = isinstance(request, PlaceOrder) and request.external is not None
    items: dict[str, Item] = {}
    for n, line in enumerate(lines):
        item = market.item(line.sku)
        if item is None:
            raise Refused("unknown_sku", f"There is no product {line.sku}.", sku=line.sku, line=n)
        items[line.sku] = item
    address = request.ship_to
    place = geography.resolve(address) if address is not None and request.shipping_method else None
    phone = phone_of(request)
    buyer = request.customer.id or phone or request.customer.email
    zone = place.zone if isinstance(place, orders.Place) else ("outside" if place is not None else "")
    quote = pricing.quote(
        pricing.Basket(
            channel=request.channel,
            currency=request.currency,
            lines=tuple([pricing.BasketLine(line.sku, line.quantity, line.unit_price, line.freight) for line in lines]),
            customer=buyer or None,
            customer_group=market.group_of(request.customer.id),
            first_order=market.first_order(buyer),
            zone=zone,
            coupons=request.coupons,
            payment_method=request.payment_method,
            shipping_method=request.shipping_method if address is not None else "",
            services=request.services,
            external=external,
            also_paid_by=beside(request) if request.tenders else (),
        ),
        {sku: item.priced for sku, item in items.items()},
        market.rules,
        now,
        without=without,
        coupons=coupons,
    )
    return Basket(quote, items, place, phone, buyer)


def phone_of(request: QuoteRequest | PlaceOrder) -> str | None:
    """The buyer's number as E.164: the customer's own, else the recipient's; None where there is none that can be called."""
    address = request.ship_to
    typed = request.customer.phone or (address.phone if address is not None else "")
    return people.phone.e164(typed, address.country if address is not None else "BD") if typed else None


async def acquaint(request: QuoteRequest | PlaceOrder, market: Market) -> Mapping[str, pricing.Coupon]:
    """Learn what pricing this request will ask for: its products, its buyer, and its coupons, which are returned."""
    skus = [line.sku for line in request.lines]
    if not market.knows(skus):
        await market.know(skus)
    if market.curious:
        await market.meet(request.customer.id, phone_of(request) or "")
    return await market.coupons(request.coupons) if request.coupons else NO_COUPONS


def prepare(request: PlaceOrder, market: Market, draw: Draw, errand: Errand) -> Prepared:
    """Price, split where it is to be split, and validate. Raises Refused, with every rule that says no in `errors`."""
    _admissible(request, market.parties, errand.at)
    if request.tenders:
        request = tendered(request)
    basket = price(request, market, errand.at, coupons=errand.coupons)
    external = request.external
    ms = unix_ms(external.placed_at if external is not None and external.placed_at is not None else errand.at)
    ids = Ids(draw.uuid(ms), *errand.serial, tuple([draw.uuid(ms) for _ in basket.quote.vendors]))
    return _prepared(request, market, basket, ids, errand)


def again_without(prepared: Prepared, market: Market, promotions: frozenset[str], now: datetime) -> Prepared:
    """The same order without automatic promotions that turned out to be used up; dearer, so price drift is judged again."""
    basket = price(prepared.request, market, now, coupons=prepared.errand.coupons, without=promotions)
    return _prepared(prepared.request, market, basket, prepared.ids, prepared.errand)


def _prepared(request: PlaceOrder, market: Market, basket: Basket, ids: Ids, errand: Errand) -> Prepared:
    case = _case(request, basket, market.parties, errand.at)
    policy = market.policy()
    verdict = orders.validate(case, policy if request.external is None else orders.for_external(policy), market.checks)
    if verdict.refusals:
        raise refusal(verdict)
    lines = request.lines
    quote_claims = basket.quote.claims
    claims: tuple[quotas.Claim, ...] = ()
    if quote_claims or verdict.claims:
        claims = (
            *[quotas.Claim(c.key, c.amount, c.cap) for c in quote_claims],
            *[quotas.Claim(k, amount, cap) for k, amount, cap in verdict.claims],
        )
    items = basket.items
    demands = tuple([(n, sku, line.quantity * units) for n, line in enumerate(lines, 1) for sku, units in items[line.sku].demand])
    fingerprint = orders.fingerprint(basket.buyer, [(line.sku, line.quantity) for line in lines])
    prepared = Prepared(request, basket, case, verdict, ids, fingerprint, claims, demands, errand)
    prepared.created = _created(prepared, promise_of(basket, market, errand.at) if request.external is None else None)
    return prepared


def refusal(verdict: orders.Verdict) -> Refused:
    """Every rule that refused, in one answer."""
    first = verdict.refusals[0]
    errors = [{"rule": f.rule, "version": f.version, "code": f.reason, "detail": f.detail, "data": dict(f.data)} for f in verdict.refusals]
    moved = first.reason in ("total_changed", "price_changed")
    return Refused(first.reason, first.detail, kind="conflict" if moved else "invalid", errors=errors)


def judged_again(prepared: Prepared, market: Market, duplicate_of: str) -> orders.Verdict:
    """The verdict when it turns out that the same buyer placed the same basket minutes ago."""
    return orders.validate(msgspec.structs.replace(prepared.case, duplicate_of=duplicate_of), market.policy(), market.checks)


def facts(
    prepared: Prepared, verdict: orders.Verdict, reserved: orders.events.OrderStockReserved, *, flows: Mapping[str, int]
) -> tuple[Fact, ...]:
    """The first facts of the order: created, validated, stock reserved, and a hold for each rule that wants a person to look.

    `flows`: versions of flows that it keeps, where they are not the first.
    """
    created = prepared.created
    assert created is not None
    if flows:
        created = msgspec.structs.replace(created, flows=flows)
    if not verdict.holds:
        return (created, orders.events.OrderValidated(verdict.passed), reserved)
    remarks = tuple(orders.events.Remark(f.rule, f.version, f.reason, f.detail, f.kind, f.data) for f in verdict.holds)
    held = [
        orders.events.OrderHeld(f"{f.rule}-{n}", f.kind, f.reason, f.detail, f.rule, f.version, f.data)
        for n, f in enumerate(verdict.holds, 1)
    ]
    return (created, orders.events.OrderValidated(verdict.passed, remarks), reserved, *held)


def receipt_json(prepared: Prepared) -> str:
    """The quote's receipt as it is kept in `order_calculations`."""
    return _encode(prepared.basket.quote.receipt).decode()


def _admissible(request: PlaceOrder, parties: Parties, now: datetime) -> None:
    channel = parties.channels.get(request.channel)
    if channel is None or not channel.active:
        raise Refused("unknown_channel", f"There is no open channel {request.channel}.", channel=request.channel)
    if request.external is None:
        if any(line.unit_price is not None or line.freight is not None for line in request.lines):
            raise Refused("external_prices", "Lines bring their own prices only in an external order.")
    elif not channel.external_pricing:
        raise Refused("external_prices", f"Channel {request.channel} does not sell at its own prices.", kind="forbidden")
    elif (sold_at := request.external.placed_at) is not None:
        if sold_at.tzinfo is None:
            raise Refused("placed_at", "The instant at which an order was placed needs an offset.")
        if not FIRST_DAY <= sold_at <= now + CLOCKS_APART:  # an id is made of it, and lists are in the order of ids
            raise Refused("placed_at", "An order can be placed neither in the future nor before there were computers.")


def _case(request: PlaceOrder, basket: Basket, parties: Parties, now: datetime) -> orders.Case:
    items = basket.items
    quote = basket.quote
    lines = []
    closed: dict[str, str] = {}
    for asked, quoted in zip(request.lines, quote.lines, strict=True):
        product = items[asked.sku].product
        limit = product.purchase_limit
        vendor = parties.vendors.get(product.vendor)
        if vendor is None or not vendor.open_at(now):
            closed[product.vendor] = "unknown" if vendor is None else "closed" if vendor.sells else vendor.status
        lines.append(
            orders.CaseLine(
                asked.sku, product.vendor, asked.quantity, quoted.unit_price, product.quantity_min, product.quantity_max,
                None if limit is None else limit.quantity,
                "" if limit is None or limit.days is None else _window(now, limit.days),
                product.status, asked.expected_unit_price,
            )
        )  # fmt: skip
    totals = quote.totals
    address = request.ship_to or NOWHERE
    typed = request.customer.phone or address.phone
    return orders.Case(
        channel=request.channel,
        currency=request.currency,
        buyer=basket.buyer,
        phone=basket.phone,
        address=address,
        place=basket.place,
        lines=tuple(lines),
        goods=totals.items - totals.discount,
        total=totals.grand,
        payment_method=request.payment_method,
        expected_total=request.expected_total,
        phone_problem="" if basket.phone is not None or not typed else "unusable",
        vendors_closed=closed,
        block=_block(parties.blocks, basket, request, now),
        tenders=portions(request, totals.grand) if request.tenders else (),
    )


NOWHERE = orders.Address()


def _window(now: datetime, days: int) -> str:
    """The label of the window of `days` days that `now` falls in, counted from a fixed Monday."""
    return f"{days}d{now.toordinal() // days}"


def _block(blocks: people.Blocks, basket: Basket, request: PlaceOrder, now: datetime) -> orders.Block | None:
    if not blocks.standing:
        return None
    a = request.ship_to or NOWHERE
    address = people.address_fingerprint(a.country, a.district, a.upazila, a.area, a.line) if a.line else ""
    found = blocks.match(people.Buyer(basket.phone or "", request.customer.email.lower(), request.customer.id, address), now=now)
    return None if found is None else orders.Block(found.id, found.kind, found.reason)


def _client(client: ClientRequest) -> orders.events.Client | None:
    """Where the order came from, one spelling for one address; an IPv4 address that was mapped into IPv6 is itself."""
    try:
        address = ipaddress.ip_address(client.ip) if client.ip else None
    except ValueError:
        raise Refused("invalid_ip", "The client's address is neither IPv4 nor IPv6.", field="client.ip") from None
    mapped = getattr(address, "ipv4_mapped", None)
    ip = "" if address is None else str(mapped or address)
    return orders.events.Client(ip, client.device) if ip or client.device else None


def promise_of(basket: Basket, market: Market, now: datetime) -> datetime | None:
    """The day by which the basket would be there; None where it goes nowhere, or nowhere that we know."""
    if not isinstance(basket.place, orders.Place):
        return None
    return market.by_when(tuple([v.vendor for v in basket.quote.vendors]), basket.place, now)


def _created(prepared: Prepared, promised_at: datetime | None) -> orders.events.OrderCreated:
    request, basket, ids = prepared.request, prepared.basket, prepared.ids
    quote, items = basket.quote, basket.items
    lines = []
    for n, q in enumerate(quote.lines, 1):
        item = items[q.sku]
        product = item.product
        lines.append(
            orders.events.Line(
                n, q.sku, q.vendor, item.name, q.quantity, q.unit_price, q.total, q.discount, q.tax, q.tax_rate, q.tax_class,
                not q.tax_included, product.name_bn, q.list_price, q.unit_discounts, q.vendor_funded, product.weight_g,
            )
        )  # fmt: skip
    shares = [
        orders.events.Share(ids.vendor_order_ids[n], v.vendor, v.items, v.discount, v.shipping, v.tax, v.total)
        for n, v in enumerate(quote.vendors)
    ]
    t = quote.totals
    customer = request.customer
    address = request.ship_to
    external = request.external
    name = customer.name or (address.recipient if address is not None else "")
    return orders.events.OrderCreated(
        number=ids.number,
        channel=request.channel,
        currency=request.currency,
        customer=orders.events.Customer(name, basket.phone or "", customer.email, customer.id),
        ship_to=address or NOWHERE,
        lines=tuple(lines),
        vendor_orders=tuple(shares),
        totals=orders.events.Totals(t.items, t.discount, t.shipping, t.tax, t.fees, t.grand),
        payment_method=request.payment_method,
        basket=orders.basket_key(prepared.fingerprint, prepared.errand.at),
        place=basket.place if isinstance(basket.place, orders.Place) else None,
        adjustments=tuple([orders.events.Adjustment(a.kind, a.code, a.amount, "", a.version) for a in quote.adjustments]),
        shipping_method=request.shipping_method,
        coupons=request.coupons,
        services=request.services,
        claims=tuple([orders.events.Claim(c.key, c.amount) for c in prepared.claims]),
        payments=()
        if external is None
        else tuple([orders.events.Payment(p.method, p.amount, p.reference, p.installments) for p in external.payments]),
        external_id="" if external is None else external.id,
        external_status="" if external is None else external.status,
        promised_at=promised_at,
        placed_at=None if external is None else external.placed_at,
        note=request.note,
        client=None if request.client is None else _client(request.client),
        tenders=prepared.case.tenders,
    )
