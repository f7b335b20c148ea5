"""What an operator may set, once, in one frozen value: defaults < file < environment < command line.

The file is `haat.toml` in the working directory, or the one that `HAAT_CONFIG` names. In the environment every setting is
`HAAT_<NAME>`; `DATABASE_URL` and `PORT` are understood as well. An unknown name is refused, so that a typing
error cannot silently mean the default. Secrets are wrapped: no representation, log line or dump shows them.
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from haat.engine import clock
from haat.kernel import errors

PREFIX = "HAAT_"
FILE = "haat.toml"
#: Names that others have made customary; the prefixed one wins.
CUSTOMARY = {"DATABASE_URL": "database_url", "PORT": "port"}
#: Variables that begin like ours and are no settings: where the file is.
NOT_SETTINGS = {"HAAT_CONFIG"}
MIB = 1024 * 1024


class Secret:
    """A text that shows itself only to who asks for it by `reveal()`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Hand it on, never print it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


Size = Annotated[int, Meta(ge=1024, le=16 * 1024 * MIB)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting with its default. Durations in seconds, sizes in bytes."""

    # Where
    data_dir: Path = Path("haat-data")
    database_url: Secret | None = None  # none: the embedded PostgreSQL in data_dir
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    public_url: str = ""  # how the world reaches us, for links; none: http://host:port
    secret: Secret | None = None  # signs guests' links; none: made once and kept in data_dir
    former_secrets: Secret | None = None  # those before it, newest first, spaces between: they open what they sealed and signed

    # Database
    pool_size: Annotated[int, Meta(ge=2, le=150)] = 10
    statement_timeout_s: Annotated[float, Meta(ge=0.1, le=3600)] = 30.0

    # Group commit and back-pressure
    batch_max: Annotated[int, Meta(ge=1, le=2000)] = 256
    queue_max: Annotated[int, Meta(ge=1, le=100_000)] = 4096
    requests_max: Annotated[int, Meta(ge=1, le=100_000)] = 8192  # in flight in this process; beyond: 503

    # Bodies
    import_body_max: Size = 4 * 1024 * MIB

    # Time limits
    shutdown_grace_s: Annotated[float, Meta(ge=0, le=600)] = 20.0

    # Time
    clock: str = ""  # START@PACE/BASE, for demos and simulations (engine/clock.py); none: the system's

    # Talking about it
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"  # auto: console in a terminal, JSON elsewhere

    @property
    def address(self) -> str:
        """How the world reaches us, for links and for those who call us back."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"


NAMES = tuple(field.name for field in msgspec.structs.fields(Settings))


def load(environment: Mapping[str, str], *, working_dir: Path, given: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force. `given` are options of the command line (None: not given).

    Raises Refused("settings") that lists every mistake with its place, not only the first.
    """
    wrong: list[str] = []
    chosen: dict[str, Any] = {}
    for place, values in (
        _from_file(environment, working_dir, wrong),
        ("environment", _from_environment(environment, wrong)),
        ("command line", {name: value for name, value in (given or {}).items() if value is not None}),
    ):
        for name, value in values.items():
            if name not in NAMES:
                wrong.append(f"{place}: there is no setting {name!r}{_nearest(name, NAMES)}")
                continue
            try:
                chosen[name] = _convert(name, value)
                if name == "clock":
                    clock.parse(chosen[name])
            except (msgspec.ValidationError, ValueError) as error:
                wrong.append(f"{place}: {name}: {str(error).split(' - at')[0]}")
    if wrong:
        raise errors.Refused("settings", "; ".join(wrong), mistakes=wrong)
    return Settings(**chosen)


def shown(settings: Settings) -> dict[str, str]:
    """Every setting as text fit to be printed; of a secret only whether there is one."""
    return {name: _shown(getattr(settings, name)) for name in NAMES}


def _from_file(environment: Mapping[str, str], working_dir: Path, wrong: list[str]) -> tuple[str, dict[str, Any]]:
    named = environment.get("HAAT_CONFIG")
    path = working_dir / (named or FILE)
    if not named and not path.exists():
        return str(path), {}
    try:
        return str(path), tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        wrong.append(f"{path}: cannot be read ({error})")
    except tomllib.TOMLDecodeError as error:
        wrong.append(f"{path}: is not TOML ({error})")
    return str(path), {}


def _from_environment(environment: Mapping[str, str], wrong: list[str]) -> dict[str, str]:
    """An empty variable counts as not set, as shells and process supervisors cannot always unset one."""
    values = {name: environment[variable] for variable, name in CUSTOMARY.items() if environment.get(variable)}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS or not value:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in NAMES:
            values[name] = value
        else:
            wrong.append(f"environment: {variable} is no setting{_nearest(variable, [PREFIX + known.upper() for known in NAMES])}")
    return values


def _convert(name: str, value: Any) -> Any:
    kind = next(field.type for field in msgspec.structs.fields(Settings) if field.name == name)
    return msgspec.convert(value, kind, strict=False, dec_hook=_wrap)


def _wrap(kind: type, value: Any) -> Any:
    if kind in (Secret, Path) and isinstance(value, str | Path | Secret):
        return value if isinstance(value, kind) else kind(str(value))
    raise NotImplementedError(kind)


def _nearest(name: str, known: tuple[str, ...] | list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _shown(value: Any) -> str:
    if isinstance(value, Secret):
        return "(set)"
    return "(not set)" if value is None else str(value)
