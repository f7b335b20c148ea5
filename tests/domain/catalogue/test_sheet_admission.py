"""One poisoned sheet is refused alone, with its reason, and its neighbours go through."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import catalogue
from haat.domain.catalogue.admission import Known, Surroundings, admit
from haat.domain.catalogue.entry import entry

NOTHING = Surroundings({})
WEST, EAST = timezone(-timedelta(hours=14)), timezone(timedelta(hours=14))


def a_sheet(sku="SHIRT-1", **fields):
    return catalogue.ProductSheet(**({"sku": sku, "vendor": "aarong", "name_en": "Shirt", "price": 95_000} | fields))


def known(sheet, version=1):
    return Known(sheet.vendor, version, entry(sheet).digest, bool(sheet.kit))


def decide(*sheets, around=NOTHING, **limits):
    return admit([entry(sheet) for sheet in sheets], around, **limits)


def codes(admission):
    return {(refusal.sku, refusal.code) for refusal in admission.refusals}


def written(admission):
    return [write.entry.sheet.sku for write in admission.writes]


def test_a_new_product_is_written_as_its_first_version():
    admission = decide(a_sheet())
    assert [(write.entry.sheet.sku, write.version) for write in admission.writes] == [("SHIRT-1", 1)]


def test_a_sheet_that_says_what_is_known_changes_nothing():
    around = Surroundings({"SHIRT-1": known(a_sheet(), version=4)})
    admission = decide(a_sheet(), around=around)
    assert (written(admission), admission.unchanged) == ([], {"SHIRT-1": 4})


def test_spelling_out_the_defaults_changes_nothing():
    plain = msgspec.json.decode(b'{"sku":"S","vendor":"v","name_en":"x","price":1}', type=catalogue.ProductSheet)
    spelled = msgspec.json.decode(
        b'{"sku":"S","vendor":"v","name_en":"x","price":1,"status":"active","currency":"BDT","product":"S","options":{},"images":[]}',
        type=catalogue.ProductSheet,
    )
    assert entry(plain).digest == entry(spelled).digest


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name_en": " "}, "required"),
        ({"quantity_min": 5, "quantity_max": 4}, "below_minimum"),
        ({"quantity_min": 5, "purchase_limit": catalogue.PurchaseLimit(4)}, "below_minimum"),
        ({"backorder": catalogue.Backorder("preorder", 10)}, "required"),
        ({"backorder": catalogue.Backorder("backorder", 10, datetime(2026, 1, 1))}, "no_offset"),  # noqa: DTZ001 - that is the mistake
        ({"backorder": catalogue.Backorder("preorder", 10, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))}, "out_of_range"),
        ({"backorder": catalogue.Backorder("preorder", 10, datetime(9999, 12, 31, 23, 59, 59, tzinfo=WEST))}, "out_of_range"),
        ({"backorder": catalogue.Backorder("backorder", 10, datetime(1, 1, 1, tzinfo=EAST))}, "out_of_range"),
        ({"category": "nowhere"}, "unknown_category"),
        ({"kit": (catalogue.KitPart("SHIRT-1", 1),)}, "contains_itself"),
        ({"kit": (catalogue.KitPart("A", 1), catalogue.KitPart("A", 2))}, "duplicate"),
        ({"kit": (catalogue.KitPart("GHOST", 1),)}, "unknown_component"),
        ({"name_bn": "a\0b"}, "nul_character"),
        ({"attributes": {"note": ["fine", "\0"]}}, "nul_character"),
    ],
)
def test_a_bad_sheet_is_refused_and_its_neighbour_goes_through(fields, code):
    admission = decide(a_sheet(**fields), a_sheet("SOAP-1"))
    assert codes(admission) == {("SHIRT-1", code)}
    assert written(admission) == ["SOAP-1"]


def test_a_backslash_before_u0000_is_only_a_backslash():
    assert not decide(a_sheet(name_en="\\u0000")).refusals


def test_a_sku_stays_with_its_vendor():
    around = Surroundings({"SHIRT-1": known(a_sheet())})
    assert codes(decide(a_sheet(vendor="yellow"), around=around)) == {("SHIRT-1", "sku_taken")}


def test_a_vendor_writes_its_own_products_only():
    assert codes(decide(a_sheet(), vendor="yellow")) == {("SHIRT-1", "not_your_vendor")}


def test_a_sheet_that_expects_another_version_is_stale():
    around = Surroundings({"SHIRT-1": known(a_sheet(), version=3)})
    assert codes(decide(a_sheet(price=1), around=around, expected={"SHIRT-1": 2})) == {("SHIRT-1", "stale")}
    assert written(decide(a_sheet(price=1), around=around, expected={"SHIRT-1": 3})) == ["SHIRT-1"]
    assert codes(decide(a_sheet(), around=around, expected={"SHIRT-1": 0})) == {("SHIRT-1", "stale")}


def test_a_kit_and_its_new_components_may_come_together():
    kit = a_sheet("GIFT", kit=(catalogue.KitPart("SOAP-1", 2), catalogue.KitPart("TOWEL", 1)))
    admission = decide(kit, a_sheet("SOAP-1"), a_sheet("TOWEL"))
    assert written(admission) == ["SOAP-1", "TOWEL", "GIFT"], "components first: the kit refers to them"


def test_there_are_no_kits_of_kits():
    gift = a_sheet("GIFT", kit=(catalogue.KitPart("SOAP-1", 2),))
    basket = a_sheet("BASKET", kit=(catalogue.KitPart("GIFT", 1),))
    assert codes(decide(gift, basket, a_sheet("SOAP-1"))) == {("BASKET", "kit_of_a_kit")}
    assert codes(decide(basket, around=Surroundings({"GIFT": known(gift)}))) == {("BASKET", "kit_of_a_kit")}


def test_a_component_does_not_become_a_kit():
    around = Surroundings({"SOAP-1": known(a_sheet("SOAP-1"))}, used_as_parts={"GIFT"})
    assert codes(decide(a_sheet("GIFT", kit=(catalogue.KitPart("SOAP-1", 1),)), around=around)) == {("GIFT", "part_of_a_kit")}


def test_a_kit_that_is_broken_up_in_the_same_call_may_be_a_component():
    gift = a_sheet("GIFT", kit=(catalogue.KitPart("SOAP-1", 2),))
    around = Surroundings({"GIFT": known(gift)})
    assert not decide(a_sheet("GIFT"), a_sheet("BASKET", kit=(catalogue.KitPart("GIFT", 1),)), around=around).refusals


def test_a_kit_is_made_of_its_own_vendors_products():
    admission = decide(a_sheet("GIFT", kit=(catalogue.KitPart("SOAP-1", 1),)), a_sheet("SOAP-1", vendor="yellow"))
    assert codes(admission) == {("GIFT", "component_of_other_vendor")}


def test_the_instant_of_a_release_has_one_spelling():
    dhaka = msgspec.json.decode(b'"2026-03-01T06:00:00+06:00"', type=datetime)
    sheets = [a_sheet(backorder=catalogue.Backorder("preorder", 5, at)) for at in (dhaka, datetime(2026, 3, 1, tzinfo=UTC))]
    assert len({entry(sheet).digest for sheet in sheets}) == 1


@given(st.lists(st.tuples(st.sampled_from("ABCDEF"), st.sampled_from(["v", "w"]), st.integers(0, 3)), max_size=20))
def test_every_sku_is_written_or_refused_or_unchanged_and_only_once(asked):
    sheets = [a_sheet(sku, vendor=vendor, price=price) for sku, vendor, price in asked]
    around = Surroundings({"A": known(a_sheet("A", vendor="v", price=1)), "B": known(a_sheet("B", vendor="w", price=2))})
    admission = decide(*sheets, around=around)
    outcomes = [*written(admission), *admission.unchanged, *(refusal.sku for refusal in admission.refusals)]
    assert sorted(outcomes) == sorted({sku for sku, _, _ in asked})
    last = {sheet.sku: sheet for sheet in sheets}
    assert all(write.entry.sheet.price == last[write.entry.sheet.sku].price for write in admission.writes)
