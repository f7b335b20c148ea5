"""The secrets of this installation, newest first: the first one seals and signs, all of them open what was sealed and signed before.

    set        HAAT_SECRET, and before it HAAT_FORMER_SECRETS          the operator's
    kept       data_dir/secret, and before it data_dir/secret.former   made once, renewed by `haat secret new`

An installation with many processes changes its secret in three steps, and is never without one that fits: the new one beside the former
everywhere, what was sealed sealed anew, the former one gone.
"""

import os
from pathlib import Path

from haat.engine.settings import Settings
from haat.kernel.errors import Refused

FILE, FORMER = "secret", "secret.former"


def secrets_of(chosen: Settings) -> list[str]:
    """The secrets in force, newest first. Where none is set, one is made and kept in the data directory (mode 600)."""
    if chosen.secret is not None:
        return _once([chosen.secret.reveal(), *(chosen.former_secrets.reveal().split() if chosen.former_secrets is not None else ())])
    kept = chosen.data_dir / FILE
    kept.parent.mkdir(parents=True, exist_ok=True)
    made = os.urandom(32).hex()
    try:
        descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _once([kept.read_text(encoding="ascii"), *_former(chosen.data_dir)])
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made)
    return [made]


def renew(data_dir: Path) -> None:
    """A new secret; the one of now is former from then on. A crash in between leaves the old one in force."""
    kept = data_dir / FILE
    if not kept.exists():
        raise Refused("no_secret", f"There is no {kept} yet; it is made when Haat is first started.", kind="missing")
    former = [kept.read_text(encoding="ascii"), *_former(data_dir)]
    _write(data_dir / FORMER, "\n".join(_once(former)))
    _write(kept, os.urandom(32).hex())


def forget(data_dir: Path) -> int:
    """Former secrets open nothing any more; returns how many there were."""
    count = len(_former(data_dir))
    (data_dir / FORMER).unlink(missing_ok=True)
    return count


def _former(data_dir: Path) -> list[str]:
    try:
        return (data_dir / FORMER).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


def _write(path: Path, text: str) -> None:
    """All of it or nothing, for nobody else to read."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _once(secrets: list[str]) -> list[str]:
    return list(dict.fromkeys(secrets))
