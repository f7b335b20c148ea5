"""A dump of another marketplace's orders is read to the centavo, and its books are compared without mercy."""

import json
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haat.faces.cli import olist
from haat.faces.cli.olist import reader
from haat.kernel.errors import Refused
from tests.domain.olist.dumps import ANA, LAMP, NOON, RUI, SOAP, Item, a_dump


def tally(dump: olist.Dump) -> olist.Figures:
    book = olist.Tally()
    for order in dump.orders():
        lines = [(line.seller, line.quantity, line.unit_price * line.quantity, line.freight) for line in order.lines]
        book.add(order.status, lines, [(payment.method, payment.amount) for payment in order.payments])
    return book.figures()


def test_equal_pieces_become_one_line_and_unequal_ones_stay_apart(tmp_path: Path) -> None:
    items: list[Item] = [
        ("o1", 1, SOAP, ANA, 9.9, 7.39),
        ("o1", 2, SOAP, ANA, 9.9, 7.39),
        ("o1", 3, SOAP, ANA, 9.9, 7.4),
        ("o1", 4, SOAP, ANA, 9.89, 7.39),
    ]
    order = next(olist.open_dump(a_dump(tmp_path, [("o1", NOON, "delivered")], items, [])).orders())
    assert [(line.quantity, line.unit_price, line.freight) for line in order.lines] == [(2, 990, 1478), (1, 990, 740), (1, 989, 739)]


def test_the_first_seller_of_a_product_keeps_its_plain_sku(tmp_path: Path) -> None:
    later = datetime(2017, 7, 1)  # noqa: DTZ001
    items: list[Item] = [("o1", 1, SOAP, ANA, 10.0, 0.0), ("o2", 1, SOAP, RUI, 11.0, 0.0), ("o2", 2, LAMP, RUI, 50.0, 0.0)]
    dump = olist.open_dump(a_dump(tmp_path, [("o2", later, "shipped"), ("o1", NOON, "shipped")], items, []))
    assert [order.id for order in dump.orders()] == ["o1", "o2"]
    assert {sku: offer.seller for sku, offer in dump.offers.items()} == {SOAP: ANA, f"{SOAP}-bbbbbbbb": RUI, LAMP: RUI}
    assert dump.offers[f"{SOAP}-bbbbbbbb"].price == 1_100
    assert dump.offers[SOAP].size_mm == (100, 50, 20)
    assert dump.offers[LAMP].name == "Produto 11111111"


def test_an_order_that_cannot_be_placed_is_listed_with_its_reason(tmp_path: Path) -> None:
    orders = [("o1", NOON, "delivered"), ("o2", NOON, "unavailable"), ("o3", NOON, "created"), ("o4", NOON, "created")]
    items: list[Item] = [("o1", 1, SOAP, ANA, 10.0, 1.0), ("o3", 1, SOAP, "nobody", 10.0, 1.0), ("o4", 1, "nothing", ANA, 10.0, 1.0)]
    dump = olist.open_dump(a_dump(tmp_path, orders, items, [("o2", 1, "voucher", 3.5)]))
    assert [order.id for order in dump.orders()] == ["o1"]
    assert [(each.id, each.reason, each.payments) for each in dump.unplaceable] == [
        ("o2", "no items", 350),
        ("o4", "product unknown", 0),
        ("o3", "seller unknown", 0),
    ]
    assert dump.unsold == 1


def test_a_walk_through_the_orders_can_be_repeated(tmp_path: Path) -> None:
    dump = olist.open_dump(a_dump(tmp_path, [("o1", NOON, "delivered")], [("o1", 1, SOAP, ANA, 10.0, 1.0)], [("o1", 1, "boleto", 11.0)]))
    assert list(dump.orders()) == list(dump.orders())


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        (datetime(2017, 6, 1, 12), datetime(2017, 6, 1, 15, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2017, 1, 1, 12), datetime(2017, 1, 1, 14, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2017, 2, 18, 23, 30), datetime(2017, 2, 19, 1, 30, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2017, 2, 19, 0), datetime(2017, 2, 19, 3, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2017, 10, 15, 0), datetime(2017, 10, 15, 3, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2017, 10, 15, 1), datetime(2017, 10, 15, 3, tzinfo=UTC)),  # noqa: DTZ001
    ],
)
def test_local_times_of_sao_paulo_become_instants(local: datetime, instant: datetime) -> None:
    assert reader.utc(local) == instant


@given(st.integers(0, 10**9))
def test_every_written_amount_is_read_back_exactly(amount: int) -> None:
    assert reader.centavos(float(f"{amount // 100}.{amount % 100:02d}")) == amount


@given(st.floats(min_value=0, max_value=10**7))
def test_an_amount_with_more_places_is_rounded_half_up_once(value: float) -> None:
    assert reader.centavos(value) == int(Decimal(repr(value)).scaleb(2).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def test_a_folder_that_is_no_dump_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        olist.open_dump(tmp_path)
    assert refused.value.code == "not_an_olist_dump"
    assert len(refused.value.data["missing"]) == 6


amounts = st.integers(0, 99_999).map(lambda cents: float(f"{cents // 100}.{cents % 100:02d}"))
orders_made = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.sampled_from(["delivered", "canceled"]),
        st.lists(st.tuples(st.sampled_from([SOAP, LAMP]), st.sampled_from([ANA, RUI]), amounts, amounts), max_size=4),
        st.lists(st.tuples(st.sampled_from(["boleto", "voucher"]), amounts), max_size=3),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(orders_made)
def test_the_reader_and_the_columns_always_agree(made: list[Any]) -> None:
    orders, items, payments = [], [], []
    for number, (minute, status, pieces, paid) in enumerate(made):
        order = f"o{number}"
        orders.append((order, datetime(2017, 1 + minute % 12, 1 + minute % 28, minute % 24), status))  # noqa: DTZ001
        items += [(order, i + 1, *piece) for i, piece in enumerate(pieces)]
        payments += [(order, i + 1, *payment) for i, payment in enumerate(paid)]
    with TemporaryDirectory() as folder:
        directory = a_dump(Path(folder), orders, items, payments)
        dump = olist.open_dump(directory)
        report = olist.compare(olist.expected(directory), tally(dump))
    assert report.agrees, olist.as_text(report)
    assert sum(1 for _ in dump.orders()) + len(dump.unplaceable) == len(orders)
    assert {line.sku for order in dump.orders() for line in order.lines} == set(dump.offers)


def test_one_centavo_too_few_is_found_and_named(tmp_path: Path) -> None:
    directory = a_dump(tmp_path, [("o1", NOON, "delivered")], [("o1", 1, SOAP, ANA, 10.0, 1.0)], [("o1", 1, "boleto", 11.0)])
    right = olist.expected(directory)
    part = right.sellers[ANA]
    wrong = msgspec.structs.replace(right, freight=99, sellers={ANA: msgspec.structs.replace(part, freight=99)})
    report = olist.compare(right, wrong, [olist.Unplaced("o9", "no items", "canceled", 350)])
    assert not report.agrees
    assert [row.name for row in report.rows if not row.agrees] == ["freight"]
    assert [(row.name, row.expected, row.actual) for row in report.sellers_differing] == [(f"{ANA}: freight", 100, 99)]
    text = olist.as_text(report)
    assert "THE BOOKS DO NOT AGREE" in text and "o9  canceled" in text and "1.00 BRL" in text
    stored = json.loads(olist.as_json(report))
    assert stored["agrees"] is False
    assert stored["unplaced"]["reasons"] == {"no items": 1}
    assert stored["sellers"]["differing"][0]["actual"] == 99
