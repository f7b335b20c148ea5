"""The seven rules, over all of Haat and over tiny wrong samples that prove the checker itself."""

from pathlib import Path, PurePosixPath

import pytest

from tests.house import floors
from tests.house.finding import Finding

SRC = Path(__file__).parents[2] / "src"


def test_every_file_stands_on_its_floor_and_keeps_the_seven_rules() -> None:
    sources = {PurePosixPath(path.relative_to(SRC)): path.read_text(encoding="utf-8") for path in SRC.rglob("*.py")}
    found = floors.findings(sources)
    if found:
        pytest.fail("\n".join(f"src/{finding}" for finding in found), pytrace=False)


ORDERS, PRICING = "haat/domain/orders/__init__.py", "haat/domain/pricing/__init__.py"

WRONG = {
    "upwards": (1, {"haat/kernel/money.py": "from haat.engine import web", "haat/engine/web.py": ""}),
    "a module above the app's floor": (1, {"haat/engine/web.py": "import haat.app", "haat/app.py": ""}),
    "the app in the command line": (1, {"haat/faces/cli/serve.py": "from haat import app", "haat/app.py": ""}),
    "a circle": (1, {"haat/engine/a.py": "from haat.engine import b", "haat/engine/b.py": "from haat.engine import a"}),
    "siblings in the domain": (2, {"haat/domain/orders/order.py": "from haat.domain import pricing", PRICING: ""}),
    "siblings among flows": (2, {"haat/flows/a.py": "from haat.flows import b", "haat/flows/b.py": ""}),
    "siblings among faces": (2, {"haat/faces/web/a.py": "from haat.faces.api import b", "haat/faces/api/b.py": ""}),
    "flows and insight": (2, {"haat/flows/a.py": "from haat.insight import b", "haat/insight/b.py": ""}),
    "plug-ins among themselves": (
        2,
        {"haat/domain/orders/rules/__init__.py": "", "haat/domain/orders/rules/a.py": "from haat.domain.orders.rules import b"}
        | {"haat/domain/orders/rules/b.py": ""},
    ),
    "a name through the face": (3, {"haat/flows/a.py": "from haat.domain.orders import place", ORDERS: ""}),
    "a file behind the face": (
        3,
        {"haat/flows/a.py": "from haat.domain.orders import order", "haat/domain/orders/order.py": "", ORDERS: ""},
    ),
    "a name from a file behind the face": (3, {"haat/faces/api/a.py": "from haat.domain.orders.order import place"}),
    "a clock in a pure file": (4, {"haat/domain/orders/order.py": "from datetime import datetime\nNOW = datetime.now()"}),
    "chance in a pure file": (4, {"haat/domain/orders/order.py": "import random"}),
    "the environment in a pure file": (4, {"haat/kernel/ids.py": "import os"}),
    "waiting in a pure file": (4, {"haat/domain/orders/order.py": "async def place(): ..."}),
    "the engine in a pure file": (4, {"haat/domain/orders/order.py": "from haat.engine import journal", "haat/engine/journal.py": ""}),
    "a library away from home": (5, {"haat/domain/orders/commands.py": "import asyncpg"}),
    "a library without a home": (5, {"haat/engine/web.py": "import flask"}),
    "an import in a function": (6, {"haat/engine/web.py": "def f():\n    import json"}),
    "a TYPE_CHECKING block": (6, {"haat/engine/web.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import json"}),
    "a relative import": (6, {"haat/engine/web.py": "from . import journal"}),
    "a plug-in by its name": (
        7,
        {"haat/flows/a.py": "from haat.domain.orders.rules import phone"}
        | {"haat/domain/orders/rules/__init__.py": "", "haat/domain/orders/rules/phone.py": "", ORDERS: ""},
    ),
}

RIGHT = {
    "a face, as a module": {"haat/flows/a.py": "from haat.domain import orders", ORDERS: ""},
    "a pure file beside it": {"haat/domain/orders/order.py": "from haat.domain.orders import events", "haat/domain/orders/events.py": ""},
    "the engine in commands": {
        "haat/domain/orders/commands.py": "from haat.engine import journal\nasync def place(): ...",
        "haat/engine/journal.py": "",
    },
    "the engine in the commands of a package within": {
        "haat/domain/fulfilment/sourcing/commands.py": "from haat.engine import journal\nasync def record_plans(): ...",
        "haat/engine/journal.py": "",
    },
    "several files of one face": {"haat/faces/api/a.py": "from haat.faces.api import b", "haat/faces/api/b.py": ""},
    "the app knows the concrete": {
        "haat/app.py": "from haat.domain.orders import rules\nfrom haat.faces.api import b",
        "haat/domain/orders/rules/__init__.py": "",
        "haat/faces/api/b.py": "",
    },
    "the program starts the app": {"haat/__main__.py": "from haat.app import main", "haat/app.py": ""},
    "a file that is called rules": {
        "haat/domain/pricing/quote.py": "from haat.domain.pricing import rules",
        "haat/domain/pricing/rules.py": "",
    },
    "what plug-ins share": {
        "haat/domain/orders/rules/__init__.py": "",
        "haat/domain/orders/rules/a.py": "from haat.domain.orders.rules import _shared",
        "haat/domain/orders/rules/_shared.py": "",
    },
}


@pytest.mark.parametrize("sample", WRONG)
def test_the_checker_sees(sample: str) -> None:
    rule, sources = WRONG[sample]
    assert rule in {finding.rule for finding in _findings(sources)}


@pytest.mark.parametrize("sample", RIGHT)
def test_the_checker_lets_pass(sample: str) -> None:
    assert [str(finding) for finding in _findings(RIGHT[sample])] == []


def test_a_finding_tells_place_fault_and_mend() -> None:
    (finding,) = _findings({"haat/engine/web.py": "\nimport flask"})
    assert str(finding).startswith("haat/engine/web.py:2: imports flask, which has no home\n    rule 5: use the library in its home only")


def _findings(sources: dict[str, str]) -> list[Finding]:
    return floors.findings({PurePosixPath(path): text for path, text in sources.items()})
