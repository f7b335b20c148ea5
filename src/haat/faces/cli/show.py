"""How the command line speaks: tables, progress and errors. Results go to standard output, everything else beside it.

Plain text where no terminal listens, so that a pipe gets words and no colours.
"""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

out = Console(soft_wrap=True, highlight=False)
aside = Console(stderr=True, soft_wrap=True, highlight=False)


def line(text: str = "") -> None:
    """One line of the result, as it is."""
    out.print(text, markup=False)


def say(text: str) -> None:
    """What is going on, beside the result."""
    aside.print(text, markup=False)


def error(text: str) -> None:
    """What went wrong."""
    aside.print(text, style="red", markup=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> None:
    """A table; columns numbered in `right` are flush right."""
    made = Table(title=title or None, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*[str(cell) for cell in row])
    Console(highlight=False, width=None if out.is_terminal else 160).print(made, markup=False)


def progress() -> Progress:
    """A bar for counted work; silent where no terminal listens."""
    return Progress(
        TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=aside, disable=not aside.is_terminal,
    )  # fmt: skip
