"""What every promotion kind must keep, run over each one that is found.

A kind is fed arguments drawn from its own type and any parts, so a new file is tested without writing a test.
"""

import json
from collections.abc import Mapping
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

import haat.domain.pricing.promotions
from haat.domain import pricing
from haat.engine import plugins

KINDS: Mapping[str, pricing.Promotion] = plugins.load(haat.domain.pricing.promotions, "PROMOTION", pricing.Promotion)
SKUS = ("A", "B", "C", "D")

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def drawn_from(schema: dict[str, Any], whole: dict[str, Any]) -> st.SearchStrategy[Any]:  # noqa: PLR0911 a table of types
    """Values of a JSON schema as msgspec writes it, small where it sets no bound: enough for arguments."""
    if "$ref" in schema:
        return drawn_from(whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], whole)
    if "anyOf" in schema:
        return st.one_of([drawn_from(each, whole) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "integer":
            low = schema.get("minimum", 0)
            return st.integers(low, min(schema.get("maximum", 50_000), 50_000)) | st.integers(low, low + 5)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "string":
            return st.sampled_from(SKUS)
        case "array":
            return st.lists(drawn_from(schema["items"], whole), min_size=schema.get("minItems", 0), max_size=3)
    fields = {name: drawn_from(each, whole) for name, each in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def arguments(kind: pricing.Promotion) -> st.SearchStrategy[Any]:
    schema = msgspec.json.schema(kind.args)
    return drawn_from(schema, schema).map(lambda drawn: msgspec.convert(drawn, kind.args))


@st.composite
def parts(draw: st.DrawFn, shipping: bool) -> list[pricing.Part]:
    """Sorted as a quote sorts them; each may have been discounted before."""
    found = []
    for sku in sorted(draw(st.lists(st.sampled_from(SKUS), min_size=1, max_size=5))):
        quantity = 1 if shipping else draw(st.integers(1, 12))
        price = draw(st.integers(0, 3_000))
        amount = draw(st.integers(0, price * quantity) | st.just(price * quantity))
        found.append(pricing.Part("" if shipping else sku, f"v{sku}", () if shipping else ("c",), quantity, price, amount))
    return found


@every_kind
def test_a_kind_says_what_it_is(kind: pricing.Promotion) -> None:
    assert kind.code.replace("_", "").isalnum() and kind.code == kind.code.lower()
    assert kind.title
    assert msgspec.structs.fields(kind.args) is not None
    assert kind.args.__struct_config__.frozen and kind.args.__struct_config__.forbid_unknown_fields


@every_kind
@given(data=st.data())
@settings(max_examples=40)
def test_a_discount_is_whole_never_negative_and_never_above_what_is_left(kind: pricing.Promotion, data: st.DataObject) -> None:
    args = data.draw(arguments(kind))
    covered = data.draw(parts(kind.target == "shipping"))
    taken = kind.apply(args, covered)
    assert len(taken) == len(covered)
    assert all(type(amount) is int and 0 <= amount <= part.amount for amount, part in zip(taken, covered, strict=True))


@every_kind
@given(data=st.data())
@settings(max_examples=40)
def test_the_same_question_has_the_same_answer_and_asking_changes_nothing(kind: pricing.Promotion, data: st.DataObject) -> None:
    args = data.draw(arguments(kind))
    covered = data.draw(parts(kind.target == "shipping"))
    before = json.dumps([msgspec.to_builtins(args), msgspec.to_builtins(covered)])
    assert list(kind.apply(args, covered)) == list(kind.apply(args, tuple(covered)))
    assert json.dumps([msgspec.to_builtins(args), msgspec.to_builtins(covered)]) == before


@every_kind
@given(data=st.data())
@settings(max_examples=40)
def test_nothing_is_taken_from_a_basket_without_the_skus_that_a_kind_says_it_needs(kind: pricing.Promotion, data: st.DataObject) -> None:
    args = data.draw(arguments(kind))
    named = kind.skus_of(args)
    covered = [part for part in data.draw(parts(kind.target == "shipping")) if part.sku not in named]
    assert not named or not any(kind.apply(args, covered))


@every_kind
@given(data=st.data())
@settings(max_examples=40)
def test_arguments_survive_the_store(kind: pricing.Promotion, data: st.DataObject) -> None:
    args = data.draw(arguments(kind))
    assert msgspec.json.decode(msgspec.json.encode(args), type=kind.args) == args
