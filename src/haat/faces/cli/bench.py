"""`haat bench`: the benchmarks of the checkout, which print a table and compare with a floor measured in the same run."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from haat.faces.cli import opening, show

FOLDER = Path("bench")


def add_to(cli: typer.Typer) -> None:
    cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(bench)


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which one; none: list them.")] = "",
) -> None:
    """List the benchmarks, or run one; what follows the name is passed on to it."""
    found = benchmarks(FOLDER)
    if not found:
        show.error(f"There is no {FOLDER}/ here: benchmarks belong to a checkout, so run this in its folder.")
        raise typer.Exit(opening.FAILED)
    if not name:
        show.table("", ("benchmark", "what it measures", "run it"), [(key, says, f"make bench-{key}") for key, (_, says) in found.items()])
        return
    if name not in found:
        show.error(f"There is no benchmark {name}. There are: {', '.join(found)}")
        raise typer.Exit(opening.MISUSED)
    raise typer.Exit(subprocess.run([sys.executable, "-m", f"{FOLDER}.{found[name][0].stem}", *context.args], check=False).returncode)  # noqa: S603


def benchmarks(folder: Path) -> dict[str, tuple[Path, str]]:
    """Every script below `folder` that can be run, with the first sentence of what it says of itself."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "__main__" in text:
            found[path.stem] = (path, (ast.get_docstring(ast.parse(text)) or "").split("\n")[0])
    return found
