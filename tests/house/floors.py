"""The seven rules of the house as one walk over the syntax trees: who may import whom, and what must stay pure.

`findings(sources)` is pure: file → text in, findings out; so the checker itself is tested on tiny wrong samples.
The tables at the top are the house's plan. Changing one is an architectural decision and belongs into `docs/decisions/`.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tests.house.finding import Finding

#: Floor by the part of the dotted name that decides it; the longest match counts.
FLOORS = {
    "haat.kernel": 0,
    "haat.engine": 1,
    "haat.domain": 2,
    "haat.flows": 3,
    "haat.insight": 3,
    "haat.faces": 4,
    "haat.app": 5,
    "haat.__main__": 6,  # starts the program
    "haat": 0,  # the package itself: its version
    "haat_world": 0,  # another program: it speaks to Haat by HTTP, and may know our vocabulary
}
#: Folders whose members do not know each other.
BLIND = ("haat.domain", "haat.flows", "haat.faces")
#: Neighbours on one floor that do not know each other either.
STRANGERS = (("haat.flows", "haat.insight"),)
#: A folder of this name holds plug-ins: found by `engine/plugins.py`, imported by nobody, blind to each other.
PLUGIN_FOLDERS = frozenset(
    {"rules", "models", "promotions", "gateways", "couriers", "kinds", "strategies", "commissions", "transports"}
    | {"conditions", "benefits", "steps", "invariants", "alerts", "reports"}
)
#: In a domain module (and in a package within one) only these may wait, and only these import the engine.
IMPURE_FILES = frozenset({"commands", "queries", "projection"})
#: What a pure file has no business with: clocks, chance, the environment, the outside.
IMPURE_IMPORTS = frozenset(
    {
        "asyncio",
        "logging",
        "multiprocessing",
        "os",
        "random",
        "secrets",
        "shutil",
        "signal",
        "socket",
        "subprocess",
        "tempfile",
        "threading",
        "time",
    }
)
IMPURE_CALLS = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "uuid.uuid1", "uuid.uuid4", "uuid4", "uuid1"})
#: Every foreign library and its home. A new one also needs its sentence in docs/dependencies.md.
HOMES: Mapping[str, tuple[str, ...]] = {
    "aiohttp": ("haat.engine.outside", "haat_world"),
    "aiosmtplib": ("haat.engine.outside.mail",),
    "alembic": ("haat.engine.migrate", "haat.engine.migrations"),
    "asyncpg": ("haat.engine.database", "haat.engine.journal", "haat.engine.committer"),
    "circuitbreaker": ("haat.engine.outside",),
    "cryptography": ("haat.engine.outside", "haat.domain.payments.gateways", "haat_world"),
    "barcode": ("haat.domain.fulfilment.label",),
    "highspy": ("haat.domain.fulfilment.sourcing.solver",),
    "httptools": ("haat.engine.web", "haat.faces.cli", "haat_world"),
    "jinja2": ("haat.domain.notifications.template",),
    "limits": ("haat.faces.api.gate",),
    "msgspec": ("haat", "haat_world"),
    "numpy": ("haat.domain.fulfilment.sourcing.solver",),
    "phonenumbers": ("haat.domain.people.phone",),
    "prometheus_client": ("haat.engine.metrics",),
    "psutil": ("haat.engine.postgres", "haat.faces.cli"),
    "psycopg": ("haat.engine.postgres", "haat.engine.migrate"),
    "pyarrow": ("haat.faces.cli",),
    "rich": ("haat.faces.cli", "haat_world"),
    "sqlalchemy": ("haat.engine.migrate",),
    "starlette": ("haat.engine.web", "haat.faces.api", "haat.faces.web", "haat.faces.hooks", "haat.app", "haat_world"),
    "structlog": ("haat.engine.logs",),
    "typer": ("haat.faces.cli",),
    "uvicorn": ("haat.engine.wire", "haat.faces.cli", "haat.app", "haat_world"),
    "uvloop": ("haat.engine.web", "haat.faces.cli", "haat.app", "haat_world"),
}
APP = "haat.app"
MENDS = {
    1: "move what is needed down, or this file up: a file knows its own floor's folder and the floors below",
    2: "let the caller pass the value, let a flow carry it over, or build a read model in insight",
    3: "import the module's face (`from haat.domain import orders`) and say `orders.…`; export the name there if it is missing",
    4: "take it as an argument (`now`, a number, a value), or move the waiting into commands, queries or projection",
    5: "use the library in its home only, or give it one in HOMES and a sentence in docs/dependencies.md",
    6: "import at the top; where that makes a circle, the floor is wrong: split the file",
    7: "ask for the mapping that `plugins.load` returned as an argument",
}


def findings(sources: Mapping[PurePosixPath, str]) -> list[Finding]:
    """Everything that breaks a rule in `sources` (path below `src` → text). O(nodes of all trees)."""
    trees = {_dotted(path): (path, ast.parse(text)) for path, text in sources.items()}
    shelves = {_dotted(path) for path in sources if path.name == "__init__.py" and _is_shelf(_dotted(path))}
    found: list[Finding] = []
    edges: dict[str, set[str]] = {}
    for name, (path, tree) in trees.items():
        if name.startswith("haat.engine.migrations.versions"):
            continue
        for line, target, member in _imports(tree):
            whole = f"{target}.{member}" if member and f"{target}.{member}" in trees else target
            if whole.split(".")[0] == "haat":
                edges.setdefault(name, set()).add(whole)
                found += [Finding(path, line, rule, what, MENDS[rule]) for rule, what in _own(name, target, member, whole, shelves)]
            else:
                found += [Finding(path, line, rule, what, MENDS[rule]) for rule, what in _foreign(name, whole)]
        found += [Finding(path, line, 6, what, MENDS[6]) for line, what in _hatches(tree)]
        if _is_pure(name):
            found += [Finding(path, line, 4, what, MENDS[4]) for line, what in _impurities(tree)]
    found += [
        Finding(trees[circle[0]][0], 1, 1, f"imports itself in a circle: {' → '.join(circle)}", MENDS[1]) for circle in circles(edges)
    ]
    return found


def circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """One way round for each place where files import each other in a loop (depth first; O(files + imports))."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            found.append([*way[way.index(name) :], name])
        elif name not in done:
            for target in sorted(edges.get(name, ())):
                visit(target, [*way, name])
            done.add(name)

    for name in sorted(edges):
        visit(name, [])
    return found


def _own(name: str, target: str, member: str | None, whole: str, shelves: set[str]) -> Iterator[tuple[int, str]]:
    """What is wrong with an import of our own code."""
    here, there = _floor(name), _floor(whole)
    if there > here:
        yield 1, f"imports {whole}, which stands above it"
    for left, right in STRANGERS:
        if {_top(name, 2), _top(whole, 2)} == {left, right}:
            yield 2, f"imports {whole}: {left} and {right} do not know each other"
    for folder in BLIND:
        mine, other = _member(name, folder), _member(whole, folder)
        if mine and other and mine != other:
            yield 2, f"{folder}.{mine} imports its sibling {whole}"
    shelf = next((shelf for shelf in shelves if whole == shelf or whole.startswith(f"{shelf}.")), None)
    module = _member(whole, "haat.domain")
    if shelf and name.startswith(f"{shelf}.") and whole not in (shelf, name) and not whole.rsplit(".", maxsplit=1)[-1].startswith("_"):
        yield 2, f"a plug-in imports the plug-in {whole}"
    elif shelf and not _is_app(name) and name != shelf and not name.startswith(f"{shelf}."):
        yield 7, f"imports {whole} out of a folder of plug-ins"
    elif module and _member(name, "haat.domain") != module and not (_is_app(name) and shelf):
        face = f"haat.domain.{module}"
        if whole != face or (target == face and member is not None):
            yield 3, f"reaches into {face}: {target}{f' → {member}' if member else ''}"
    if _is_app(whole) and there <= here and not _is_app(name) and name != "haat.__main__":
        yield 7, "imports app"
    if _is_pure(name) and whole.startswith("haat.engine"):
        yield 4, f"is pure by its name and imports {whole}"


def _is_app(name: str) -> bool:
    return name == APP or name.startswith(f"{APP}.")


def _foreign(name: str, whole: str) -> Iterator[tuple[int, str]]:
    """What is wrong with an import of somebody else's code."""
    library = whole.split(".", maxsplit=1)[0]
    if library == name.split(".", maxsplit=1)[0]:
        return
    if library in sys.stdlib_module_names:
        if _is_pure(name) and library in IMPURE_IMPORTS:
            yield 4, f"is pure by its name and imports {library}"
        return
    homes = HOMES.get(library)
    if homes is None:
        yield 5, f"imports {library}, which has no home"
    elif not any(name == home or name.startswith(f"{home}.") for home in homes):
        yield 5, f"imports {library}, which lives in {', '.join(homes)}"


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, str | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, node.module, alias.name) for alias in node.names)


def _hatches(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    yield inner.lineno, f"imports inside the function {node.name}"
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "imports by a relative path"
        elif (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING") or (
            isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING"
        ):
            yield node.lineno, "has a TYPE_CHECKING block"


def _impurities(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef):
            yield node.lineno, f"is pure by its name and {node.name} is async"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = ".".join(ast.unparse(node.func).split(".")[-2:])
            if called in IMPURE_CALLS:
                yield node.lineno, f"is pure by its name and calls {called}"


def _dotted(path: PurePosixPath) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _floor(name: str) -> int:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        floor = FLOORS.get(".".join(parts[:length]))
        if floor is not None:
            return floor
    raise ValueError(f"{name} stands on no floor")


def _top(name: str, length: int) -> str:
    return ".".join(name.split(".")[:length])


def _member(name: str, folder: str) -> str | None:
    """The member of `folder` that `name` lies in: `haat.domain.orders.rules.phone` → `orders`."""
    return name.removeprefix(f"{folder}.").split(".")[0] if name.startswith(f"{folder}.") else None


def _is_shelf(package: str) -> bool:
    """Whether a package holds plug-ins: by its folder's name, below domain, flows or insight."""
    parts = package.split(".")
    return len(parts) > 2 and parts[-1] in PLUGIN_FOLDERS and parts[1] in ("domain", "flows", "insight")


def _is_pure(name: str) -> bool:
    if name.startswith("haat.kernel"):
        return True
    parts = name.split(".")
    return parts[:2] == ["haat", "domain"] and len(parts) > 3 and IMPURE_FILES.isdisjoint(parts[3:])
