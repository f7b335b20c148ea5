"""The tree of categories, with every category's path from its root kept beside it.

The tree is small (thousands) and changes seldom; products are many and are asked for all the time. So a change of the
tree recomputes the paths of all of it here, in plain Python, and a product reads its ancestors with one join.
"""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from haat.domain.catalogue.product import Code, Name
from haat.kernel.errors import Refused

DEPTH_MAX = 12  # deeper trees are a mistake in an import; the largest public taxonomies have 7 to 9 levels


class CategorySheet(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is said about one category. `position` orders siblings; then the code does."""

    code: Code
    parent: Code | None = None
    name_en: Name = ""
    name_bn: Name = ""
    position: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0
    active: bool = True


class Category(Struct, frozen=True, kw_only=True):
    """A category in its tree. `path` runs from the root down to the category itself."""

    code: str
    parent: str | None
    path: tuple[str, ...]
    name_en: str
    name_bn: str
    position: int
    active: bool


def paths(parent_of: Mapping[str, str | None]) -> dict[str, tuple[str, ...]]:
    """The path of every category. Refuses `unknown_parent`, `category_circle` and `category_too_deep`. O(categories)."""
    found: dict[str, tuple[str, ...]] = {}
    for start in parent_of:
        climb: list[str] = []
        code: str | None = start
        while code is not None and code not in found:
            if code in climb:
                raise Refused("category_circle", f"{' > '.join([*climb[climb.index(code) :], code])} is a circle", category=start)
            if code not in parent_of:
                raise Refused("unknown_parent", f"the category {code} does not exist", category=climb[-1], parent=code)
            climb.append(code)
            if len(climb) > DEPTH_MAX:
                raise Refused("category_too_deep", f"more than {DEPTH_MAX} levels above {start}", category=start)
            code = parent_of[code]
        above = found[code] if code is not None else ()
        for step in reversed(climb):
            above = (*above, step)
            if len(above) > DEPTH_MAX:
                raise Refused("category_too_deep", f"more than {DEPTH_MAX} levels above {step}", category=step)
            found[step] = above
    return found
