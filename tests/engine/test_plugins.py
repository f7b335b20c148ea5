"""The finder of plug-ins: what is in the folder is found, and every mistake names its file."""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from haat.engine import plugins
from haat.kernel import errors


class Kind(msgspec.Struct, frozen=True):
    code: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty package of its own for each test."""
    package = tmp_path / f"shelf_{tmp_path.name}"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]


def declare(folder: Path, file: str, value: str) -> None:
    (folder / file).write_text(f"from {__name__} import Kind\n{value}\n", encoding="utf-8")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Kind.__module__])


def test_every_file_is_found_and_sorted_by_code(folder: Path) -> None:
    declare(folder, "a.py", "THING = Kind('zebra')")
    declare(folder, "b.py", "THING = Kind('ant')")
    declare(folder, "_shared.py", "")
    found = plugins.load(folder.name, "THING", Kind)
    assert list(found.items()) == [("ant", Kind("ant")), ("zebra", Kind("zebra"))]


def test_the_mapping_cannot_be_changed(folder: Path) -> None:
    declare(folder, "a.py", "THING = Kind('a')")
    with pytest.raises(TypeError):
        plugins.load(folder.name, "THING", Kind)["b"] = Kind("b")  # type: ignore[index]


def test_a_code_that_is_taken_is_refused_with_both_files(folder: Path) -> None:
    declare(folder, "first.py", "THING = Kind('same')")
    declare(folder, "second.py", "THING = Kind('same')")
    with pytest.raises(errors.Broken, match=r"second: the code 'same' is taken by .*first"):
        plugins.load(folder.name, "THING", Kind)


def test_a_file_without_its_declaration_is_refused(folder: Path) -> None:
    declare(folder, "a.py", "THNIG = Kind('a')")
    with pytest.raises(errors.Broken, match="declares no THING"):
        plugins.load(folder.name, "THING", Kind)


def test_another_type_is_refused(folder: Path) -> None:
    declare(folder, "a.py", "THING = 'just a word'")
    with pytest.raises(errors.Broken, match="is a str, it has to be a Kind"):
        plugins.load(folder.name, "THING", Kind)
