"""Sizes and names: what keeps a file readable in the second year. Pure, like `floors`.

Numbers: a file has at most 400 lines, a function 50 (to 70 with a reason, never more), a module 3,000. Every file says in
its docstring what it is for. A name that says nothing has no natural size, so it is refused before it grows.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tests.house.finding import Finding

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
FUNCTION_LINES_EVER = 70
MODULE_LINES_MAX = 7_000
#: `path:function` → why it is better as one piece of 51 to 70 lines.
LONG_ON_PURPOSE: dict[str, str] = {}
#: Files of pure data (tables of places, rates, words) may be longer.
DATA_FILES: frozenset[str] = frozenset()
SAY_NOTHING = frozenset(
    {"service", "services", "manager", "managers", "helper", "helpers", "util", "utils", "common", "base", "misc", "core"}
)
FILES_SAY_NOTHING = SAY_NOTHING | {"handler", "handlers", "data", "info", "process", "models", "types"}
CLASSES_SAY_NOTHING = re.compile(r"(Service|Manager|Helper|Utils?|Base|Impl|Handler|Processor)$|^(Base|Abstract)[A-Z]")

MENDS = {
    8: "split it by what its parts are about, not by size",
    9: "call it after the thing that it is or does (docs/words.md)",
    10: "say in two to eight lines why this file exists, how it is used and what it must not do",
    11: "name the issue: TODO(#12)",
}


def findings(sources: Mapping[PurePosixPath, str]) -> list[Finding]:
    """Everything in `sources` that is too long, says nothing, or does not say why it exists."""
    found: list[Finding] = []
    modules: dict[PurePosixPath, int] = defaultdict(int)
    for path, text in sources.items():
        lines = text.count("\n")
        parts = path.parts
        if "domain" in parts[:-2]:
            modules[PurePosixPath(*parts[: parts.index("domain") + 2])] += lines
        if lines > FILE_LINES_MAX and str(path) not in DATA_FILES:
            found.append(Finding(path, FILE_LINES_MAX, 8, f"has {lines} lines, {FILE_LINES_MAX} is the limit", MENDS[8]))
        if path.stem.lstrip("_") in FILES_SAY_NOTHING or SAY_NOTHING & set(parts[:-1]):
            found.append(Finding(path, 1, 9, f"the name {path.stem!r} says nothing", MENDS[9]))
        found += [Finding(path, line, rule, what, MENDS[rule]) for line, rule, what in _inside(path, text)]
    for path, lines in modules.items():
        if lines > MODULE_LINES_MAX:
            found.append(Finding(path, 1, 8, f"the module has {lines} lines, {MODULE_LINES_MAX} is the limit", MENDS[8]))
    return found


def _inside(path: PurePosixPath, text: str) -> Iterator[tuple[int, int, str]]:
    tree = ast.parse(text)
    if text.strip() and not ast.get_docstring(tree):
        yield 1, 10, "does not say what it is for"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_EVER or (length > FUNCTION_LINES_MAX and f"{path}:{node.name}" not in LONG_ON_PURPOSE):
                yield node.lineno, 8, f"{node.name} has {length} lines, {FUNCTION_LINES_MAX} is the limit"
        elif isinstance(node, ast.ClassDef) and CLASSES_SAY_NOTHING.search(node.name):
            yield node.lineno, 9, f"the class name {node.name!r} says nothing"
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"# *(TODO|FIXME|XXX)\b(?!\(#\d+\))", line):
            yield number, 11, "has a TODO that nobody will find again"
