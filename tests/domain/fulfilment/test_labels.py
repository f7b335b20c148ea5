"""Labels and pick lists: what is printed is what was meant, and nobody's name can become a script."""

from hypothesis import given
from hypothesis import strategies as st

from haat.domain import fulfilment

label = fulfilment.label
ITEM = label.Item("TEA", "চা", 2)


def a_label(**said: object) -> str:
    given_: dict[str, object] = {
        "code": "H7K2-1", "number": "H7K2", "recipient": "রহিমা", "phone": "+8801712345678", "address": ["বাড়ি ১২", "Mirpur"],
        "sender": "Shop A", "items": [ITEM],
    }  # fmt: skip
    return label.html(label.Label(**(given_ | said)))  # type: ignore[arg-type]


def test_a_label_says_who_where_and_how_much() -> None:
    page = a_label(cash=86_050)
    for word in ("H7K2-1", "রহিমা", "+8801712345678", "বাড়ি ১২", "860.50", "TEA", "<svg"):
        assert word in page
    assert "পরিশোধিত" in a_label()


def test_what_buyers_write_is_text() -> None:
    assert "<script>" not in a_label(recipient="<script>alert(1)</script>", address=["<img src=x>"])


def test_a_code_that_no_barcode_has_is_printed_without_one() -> None:
    assert label.barcode("চা") == ""
    assert "<svg" not in a_label(code="চা")


def test_a_pick_list_adds_up_what_is_fetched() -> None:
    picks = [label.Pick(shipment=s, number=f"H-{s}", location="DHK", items=[ITEM]) for s in ("1", "2")]
    page = label.pick_list(picks, title="DHK")
    assert "<td>4</td>" in page
    assert "H-1" in page
    assert "H-2" in page


@given(st.integers(0, 10**13))
def test_money_is_grouped_as_it_is_here_and_reads_back(amount: int) -> None:
    text = label.money(amount)
    whole, _, paisa = text.partition(".")
    assert int(whole.replace(",", "")) * 100 + int(paisa or 0) == amount
    groups = whole.split(",")
    assert all(len(g) == 2 for g in groups[1:-1])
    assert len(groups) == 1 or len(groups[-1]) == 3
