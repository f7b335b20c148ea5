"""The plug-ins that docs/extending.md shows as whole files are ones: they run, and declare what their folder looks for."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
FILES = dict(re.findall(r"^`(src/haat/[\w/]+\.py)`:\n\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))
DECLARED = {
    "rules": "RULE",
    "promotions": "PROMOTION",
    "gateways": "GATEWAY",
    "couriers": "COURIER",
    "strategies": "STRATEGY",
    "transports": "TRANSPORT",
    "invariants": "INVARIANT",
    "api": "endpoints",
}


@pytest.mark.parametrize("path", FILES)
def test_an_example_runs_and_declares_what_its_folder_looks_for(path: str) -> None:
    place = Path(path)
    assert not (PAGE.parents[1] / place).exists(), "the example is no new file any more"
    named: dict[str, object] = {"__name__": f"example_{place.stem}"}
    exec(compile(FILES[path], path, "exec"), named)  # noqa: S102 our own page
    declared = named[DECLARED[place.parent.name]]
    assert getattr(declared, "code", place.stem) == place.stem


def test_every_folder_of_plugins_has_its_example() -> None:
    assert {Path(path).parent.name for path in FILES} == set(DECLARED)
