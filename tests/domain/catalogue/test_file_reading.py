"""A file of products is read as it arrives; a bad record costs itself and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import catalogue
from haat.domain.catalogue.intake import RECORD_BYTES_MAX
from haat.kernel.errors import Refused


def read(raw, file_format="ndjson", *, sizes=(7,), at=None, batch_rows=2_000):
    """All batches of a file that arrives in chunks of the given sizes, again and again."""
    reader = catalogue.reader(file_format, at or catalogue.Position(), batch_rows=batch_rows)
    batches, offset, turn = [], 0, 0
    while offset < len(raw):
        size = sizes[turn % len(sizes)]
        batches += reader.feed(raw[offset : offset + size])
        offset, turn = offset + size, turn + 1
    return [*batches, *reader.end()]


def skus(batches):
    return [(line, entry.sheet.sku) for batch in batches for line, entry in batch.rows]


def errors(batches):
    return [(error.line, error.field, error.code) for batch in batches for error in batch.errors]


def sheets(batches):
    return [entry.sheet for batch in batches for _, entry in batch.rows]


def line(sku, **fields):
    return json.dumps({"sku": sku, "vendor": "aarong", "name_bn": "শাড়ি", "price": 100} | fields, ensure_ascii=False).encode()


def test_each_line_is_a_product_and_blank_lines_are_passed_over():
    raw = b"\xef\xbb\xbf" + line("A") + b"\r\n\n  \n" + line("B")
    assert skus(read(raw)) == [(1, "A"), (4, "B")]


@pytest.mark.parametrize(
    ("raw", "field", "code"),
    [
        (line("A", price="12"), "price", "invalid"),
        (line("A", price=-1), "price", "invalid"),
        (line("A", price=10**18), "price", "invalid"),
        (line("A", colour="red"), "colour", "unknown_field"),
        (b'{"sku":"A","vendor":"v","name_en":"x"}', "price", "required"),
        (line("A", kit=[{"sku": "B", "quantity": 0}]), "kit[0].quantity", "invalid"),
        (line("A", images=["javascript:alert(1)"]), "images[0]", "invalid"),
        (b"{]", "", "malformed"),
        (b'{"sku": "A", "vendor": "v", "name_en": "\xff", "price": 1}', "", "malformed"),
        (b"[" * 5_000, "", "invalid"),
        (b'{"x":' * 60_000, "", "too_long"),
    ],
    ids=range(11),
)
def test_a_bad_line_is_named_with_its_field_and_the_next_one_is_read(raw, field, code):
    batches = read(line("FIRST") + b"\n" + raw + b"\n" + line("LAST"), sizes=(4_096,))
    assert errors(batches) == [(2, field, code)]
    assert skus(batches) == [(1, "FIRST"), (3, "LAST")]


def test_an_error_tells_the_sku_where_one_can_be_read():
    assert [error.sku for batch in read(line("A-1", price="x")) for error in batch.errors] == ["A-1"]


def test_a_line_without_end_takes_no_more_memory_than_a_record_may():
    reader = catalogue.reader("ndjson")
    for _ in range(32):
        assert list(reader.feed(b"x" * 65_536)) == []
    assert reader.held_bytes <= RECORD_BYTES_MAX
    (batch,) = [*reader.feed(b"\n" + line("B")), *reader.end()]
    assert errors([batch]) == [(1, "", "too_long")]
    assert (skus([batch]), batch.end.offset) == ([(2, "B")], 32 * 65_536 + 1 + len(line("B")))


CSV = '''\
sku,vendor,name_en,name_bn,price_major,size_mm,images,option:size,attribute:brand,kit,purchase_limit,backorder,backorder_limit,expected_at
SAREE-1,aarong,"Saree, red",শাড়ি,"1,250.50",300x200x50,https://a.example/1.webp | /2.webp,M,Jamdani,,2/30,,,
GIFT-1,aarong,"Two
lines",,১২,,,,,SAREE-1*2 SOAP,,,,
PRE-1,aarong,"He said ""yes""",,5,,,,,,,preorder,10,2026-12-01T00:00:00+06:00
'''


def test_a_spreadsheet_is_read_with_its_quotes_line_ends_and_bangla_digits():
    saree, gift, pre = sheets(read(CSV.encode(), "csv"))
    assert (saree.name_en, saree.price, saree.size_mm) == ("Saree, red", 125_050, (300, 200, 50))
    assert (saree.images, saree.options) == (("https://a.example/1.webp", "/2.webp"), {"size": "M"})
    assert (saree.attributes, saree.purchase_limit) == ({"brand": "Jamdani"}, catalogue.PurchaseLimit(2, 30))
    assert (gift.name_en, gift.price) == ("Two\nlines", 1_200)
    assert gift.kit == (catalogue.KitPart("SAREE-1", 2), catalogue.KitPart("SOAP", 1))
    assert (pre.name_en, pre.backorder.kind, pre.backorder.limit) == ('He said "yes"', "preorder", 10)


@pytest.mark.parametrize(
    ("record", "field", "code"),
    [
        ("A,v,x,1.005", "price_major", "invalid"),
        ("A,v,x,1e5", "price_major", "invalid"),
        ("A,v,x", "", "columns"),
        ("A,v,x,", "price", "required"),
        ("bad sku,v,x,1", "sku", "invalid"),
        ('A,v,x"y",1', "", None),
        ('A,v,"x"y,1', "", "malformed"),
        ('A,v,"x,1', "", "unclosed_quote"),
    ],
)
def test_a_bad_record_costs_itself_only(record, field, code):
    batches = read(f"sku,vendor,name_en,price_major\n{record}\nB,v,x,1\n".encode(), "csv")
    assert errors(batches) == ([(2, field, code)] if code else [])
    assert skus(batches)[-1] == (3, "B")


def test_a_quote_that_is_never_closed_does_not_swallow_the_file():
    many = "".join(f"S{n},v,{'x' * 200},1\n" for n in range(3_000))
    batches = read(f'sku,vendor,name_en,price\nA,v,"oops,1\n{many}'.encode(), "csv", sizes=(65_536,))
    assert errors(batches) == [(2, "", "unclosed_quote")]
    assert len(skus(batches)) == 3_000


@pytest.mark.parametrize(
    ("header", "code"),
    [("sku,vendor,colour", "unknown_columns"), ("sku,price", "missing_columns"), ("sku,vendor,sku", "bad_header")],
)
def test_a_header_that_no_product_can_come_from_refuses_the_file(header, code):
    with pytest.raises(Refused) as refused:
        read(f"{header}\nA,v,1\n".encode(), "csv")
    assert (refused.value.code, refused.value.kind) == (code, "malformed")


def test_batches_are_full_and_follow_one_another():
    raw = b"".join(line(f"S{n}") + b"\n" for n in range(35))
    batches = read(raw, sizes=(1_000,), batch_rows=10)
    assert [len(batch.rows) for batch in batches] == [10, 10, 10, 5]
    assert [batch.start for batch in batches] == [0, *(batch.end.offset for batch in batches[:-1])]
    assert batches[-1].end.offset == len(raw)


NAMES = st.sampled_from(["plain", '"a ""b"" c"', '"two\nlines"', "শাড়ি"])
GOOD = st.builds("S{},v,{},1".format, st.integers(0, 99), NAMES)
RECORDS = st.lists(st.one_of(GOOD, st.sampled_from(["", "bad", 'x,"broken,1,1', "\r"])), max_size=30)


@given(RECORDS, st.lists(st.integers(1, 50), min_size=1, max_size=5), st.integers(1, 7))
def test_how_the_bytes_arrive_and_where_reading_resumes_makes_no_difference(records, sizes, rows):
    raw = ("sku,vendor,name_en,price\n" + "\n".join(records)).encode()
    whole = read(raw, "csv", sizes=(len(raw),))
    pieces = read(raw, "csv", sizes=sizes, batch_rows=rows)
    assert (skus(pieces), errors(pieces)) == (skus(whole), errors(whole))
    for cut in pieces[:-1]:
        before = [batch for batch in pieces if batch.end.offset <= cut.end.offset]
        after = read(raw[cut.end.offset :], "csv", at=cut.end)
        assert skus(before) + skus(after) == skus(whole)
        assert errors(before) + errors(after) == errors(whole)
