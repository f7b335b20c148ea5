"""What a house test reports: where, which rule, what is wrong, and how to mend it."""

from pathlib import PurePosixPath

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One place that breaks a rule. `rule` is its number in CONTRIBUTING.md, "The rules of the house"."""

    path: PurePosixPath
    line: int
    rule: int
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}\n    rule {self.rule}: {self.mend}"
