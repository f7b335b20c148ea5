"""Finds plug-ins: in a folder, every file declares one frozen value under one upper-case name.

    rules = plugins.load(haat.domain.orders.rules, "RULE", Rule)      # {"phone": Rule(code="phone", …), …}

Nothing registers itself and no list is edited: adding one is adding a file, removing one is deleting it. Files whose name
begins with an underscore are not plug-ins. Other distributions may offer more through an entry point whose group is the
folder's dotted name. Only `app.py` and tests call this; modules are handed the mapping.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType
from typing import Protocol, TypeVar

from haat.kernel import errors


class Coded(Protocol):
    """What every kind of plug-in has: the stable word by which settings, receipts and rows name it."""

    @property
    def code(self) -> str: ...


Plugin = TypeVar("Plugin", bound=Coded)


def load(package: ModuleType | str, name: str, kind: type[Plugin]) -> Mapping[str, Plugin]:
    """Every `name` declared in `package`, by code, sorted by code, immutable.

    Raises Broken, naming the file, where a file declares none, another type, or a code that is taken.
    """
    home = import_module(package) if isinstance(package, str) else package
    found: dict[str, tuple[Plugin, str]] = {}
    for place, declared in _declared(home, name):
        if not isinstance(declared, kind):
            raise errors.Broken(f"{place}: {name} is a {type(declared).__name__}, it has to be a {kind.__name__}")
        if declared.code in found:
            raise errors.Broken(f"{place}: the code {declared.code!r} is taken by {found[declared.code][1]}")
        found[declared.code] = (declared, place)
    return MappingProxyType({code: found[code][0] for code in sorted(found)})


def _declared(home: ModuleType, name: str) -> Iterator[tuple[str, object]]:
    for module in iter_modules(home.__path__):
        if module.name.startswith("_"):
            continue
        place = f"{home.__name__}.{module.name}"
        declaring = import_module(place)
        if not hasattr(declaring, name):
            raise errors.Broken(f"{place}: declares no {name}. If it is no plug-in, move it out or begin its name with an underscore")
        yield place, getattr(declaring, name)
    for point in entry_points(group=home.__name__):
        yield f"{point.value} (of {point.dist.name if point.dist else 'an entry point'})", point.load()
