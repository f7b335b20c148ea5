"""Every category knows its ancestors, and a tree that is none is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain.catalogue.category import paths
from haat.kernel.errors import Refused


def test_a_path_runs_from_the_root_to_the_category_itself():
    assert paths({"saree": "women", "women": "fashion", "fashion": None})["saree"] == ("fashion", "women", "saree")


@pytest.mark.parametrize(
    ("tree", "code"),
    [
        ({"a": "b", "b": "a"}, "category_circle"),
        ({"a": "a"}, "category_circle"),
        ({"a": "nowhere"}, "unknown_parent"),
        ({str(n): str(n - 1) if n else None for n in range(13)}, "category_too_deep"),
    ],
)
def test_a_tree_that_is_none_is_refused(tree, code):
    with pytest.raises(Refused) as refused:
        paths(tree)
    assert refused.value.code == code


@given(st.lists(st.integers(0, 10**9), max_size=40), st.randoms())
def test_paths_do_not_depend_on_the_order_of_the_input(seeds, random):
    tree: dict[str, str | None] = {"c0": None}
    depth = {"c0": 1}
    for n, seed in enumerate(seeds, start=1):
        parent = f"c{seed % n}"
        if depth[parent] < 12:
            tree[f"c{n}"], depth[f"c{n}"] = parent, depth[parent] + 1
        else:
            tree[f"c{n}"], depth[f"c{n}"] = None, 1
    shuffled = list(tree.items())
    random.shuffle(shuffled)
    found = paths(dict(shuffled))
    assert found == paths(tree)
    assert all(path[-1] == code and (path[-2] if len(path) > 1 else None) == tree[code] for code, path in found.items())
