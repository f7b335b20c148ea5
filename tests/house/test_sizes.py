"""Sizes and names, over all of Haat and its tests, and over samples that prove the checker."""

from pathlib import Path, PurePosixPath

import pytest

from tests.house import sizes

ROOT = Path(__file__).parents[2]
PLACES = ("src", "tests", "bench")


def test_every_file_has_a_readable_size_and_a_telling_name() -> None:
    files = [path for place in PLACES for path in (ROOT / place).rglob("*.py")]
    found = sizes.findings({PurePosixPath(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files})
    if found:
        pytest.fail("\n".join(map(str, found)), pytrace=False)


DOCUMENTED = '"""Why."""\n'
WRONG = {
    "a long file": (8, "haat/engine/web.py", DOCUMENTED + "x = 1\n" * 400),
    "a long function": (8, "haat/engine/web.py", DOCUMENTED + "def f():\n" + "    x = 1\n" * 50),
    "a long module": (8, "haat/domain/orders/order.py", DOCUMENTED + "\n" * 3_000),
    "a file name that says nothing": (9, "haat/engine/utils.py", DOCUMENTED),
    "a folder name that says nothing": (9, "haat/engine/common/web.py", DOCUMENTED),
    "a class name that says nothing": (9, "haat/engine/web.py", DOCUMENTED + "class OrderManager: ..."),
    "a file without a reason": (10, "haat/engine/web.py", "x = 1"),
    "a wish without an issue": (11, "haat/engine/web.py", DOCUMENTED + "x = 1  # TO" + "DO later"),
}


@pytest.mark.parametrize("sample", WRONG)
def test_the_checker_sees(sample: str) -> None:
    rule, path, text = WRONG[sample]
    assert rule in {finding.rule for finding in sizes.findings({PurePosixPath(path): text})}


def test_a_short_named_file_with_a_reason_passes() -> None:
    text = DOCUMENTED + "class Hands:\n    def turn(self) -> None: ...\n"
    assert sizes.findings({PurePosixPath("haat/engine/clock.py"): text, PurePosixPath("haat/domain/__init__.py"): ""}) == []
