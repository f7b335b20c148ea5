"""What stands in the repository besides code: links that lead somewhere, no place of one machine, no hidden sleep or mock.

Pure but for `tracked`, which asks git for the files (and takes the folder as it is where there is no git).
"""

import ast
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from tests.house.finding import Finding

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
#: Written in pieces, so that this file does not find itself.
MACHINE = re.compile("|".join(["/" + "work/", "/" + r"root/\w", "/" + r"home/(?!haat\b)\w", "/" + r"Users/\w", r"\b[A-Z]:\\" + "Users"]))
REGISTRY = re.compile(
    "|".join([r"pypi\." + "org", r"python" + r"hosted\.org", "--index" + "-url", "--extra-index" + "-url", r"registry\.npm" + "js"])
)
SKIPPED = frozenset({".png", ".jpg", ".ico", ".woff2", ".gz", ".parquet", ".pyc"})
FOLDERS_LEFT_OUT = frozenset(
    {".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".tmp", "__pycache__", "haat-data", "dist"}
)

MENDS = {
    12: "mend the path, or write the page",
    13: "say it for every machine: a relative path, a setting, a name",
    14: "leave the index to whoever installs",
    15: "turn a clock (`engine.clock.Hands`), wait for an event, or test the pure part",
    16: "use the real thing, or a fake that passes its contract's suite",
}


def tracked(root: Path) -> list[PurePosixPath]:
    """Every text file of the project, new ones that git does not ignore included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=20).stdout.decode()
        paths = [PurePosixPath(name) for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [PurePosixPath(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    return [path for path in paths if path.suffix not in SKIPPED and not FOLDERS_LEFT_OUT & set(path.parts) and (root / path).is_file()]


def findings(texts: Mapping[PurePosixPath, str], existing: Collection[PurePosixPath]) -> list[Finding]:
    """Broken links, paths of one machine, hosts of registries; in tests also sleeping and patching."""
    found: list[Finding] = []
    folders = {parent for path in existing for parent in path.parents}
    for path, text in texts.items():
        if path.suffix == ".md":
            found += [Finding(path, line, 12, what, MENDS[12]) for line, what in _broken_links(path, text, existing, folders)]
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE.search(line):
                found.append(Finding(path, number, 13, f"names a place of one machine: {line.strip()[:80]}", MENDS[13]))
            if REGISTRY.search(line):
                found.append(Finding(path, number, 14, f"names the host of a registry: {line.strip()[:80]}", MENDS[14]))
        if path.suffix == ".py" and path.parts[0] == "tests":
            found += [Finding(path, line, rule, what, MENDS[rule]) for line, rule, what in _in_a_test(text)]
    return found


def _broken_links(
    path: PurePosixPath, text: str, existing: Collection[PurePosixPath], folders: set[PurePosixPath]
) -> Iterator[tuple[int, str]]:
    bare = FENCE.sub(lambda match: "\n" * match.group().count("\n"), text)
    for match in LINK.finditer(bare):
        target = (match[1] or match[2]).split("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            continue
        parts: list[str] = []
        for part in (path.parent / target).parts:
            if part != "..":
                parts.append(part)
            elif parts:
                parts.pop()
        whole = PurePosixPath(*parts)
        if whole not in existing and whole not in folders:
            yield bare.count("\n", 0, match.start()) + 1, f"links to {target}, which is not there"


def _in_a_test(text: str) -> Iterator[tuple[int, int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "asyncio.sleep", "sleep"):
            if not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0):
                yield node.lineno, 15, "a test sleeps"
        elif isinstance(node, ast.ImportFrom | ast.Import) and "mock" in ast.unparse(node):
            yield node.lineno, 16, "a test uses mocks"
