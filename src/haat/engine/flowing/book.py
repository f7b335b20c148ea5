"""Whose flows are run: who knows the orders is handed in as a `Book`, so that the engine has no business word in it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from haat.engine.database import Tx
from haat.engine.flowing.deciding import Row
from haat.engine.flowing.step import Verb
from haat.kernel.facts import Fact


class Written(msgspec.Struct):
    """What a turn adds to one order: facts, each with the step that caused it, and the states before and after."""

    before: Any
    after: Any
    facts: list[tuple[Fact, str]] = []


class Book(Protocol):
    """Who knows the orders: loads, folds, writes."""

    async def load(self, tx: Tx, order_ids: Sequence[str]) -> dict[str, Any]: ...
    def evolve(self, state: Any, fact: Fact, at: datetime) -> Any: ...
    def raised(self, row: Row, cause: str, detail: str, verb: Verb) -> Fact: ...
    def ended(self, state: Any) -> bool: ...
    async def write(self, tx: Tx, written: Sequence[Written], new: Sequence[Row], moved: Sequence[Row], now: datetime) -> None: ...
    async def finish(self, tx: Tx, written: Sequence[Written], now: datetime) -> None: ...
    def remember(self, states: Mapping[str, Any]) -> None: ...
