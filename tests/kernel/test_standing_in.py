"""Who serves in place of a party that does not answer: the chain that was declared, as far as it leads."""

from haat.kernel.outside import stand_in

CHAIN = {"a": "b", "b": "c", "c": "a"}


def who(party: str, *able: str, **declared: str) -> str:
    return stand_in(party, lambda code: (declared or CHAIN).get(code, ""), able)


def test_the_first_of_the_chain_that_can_serve_does() -> None:
    assert who("a", "b", "c") == "b"
    assert who("a", "c", "d") == "c"
    assert who("b", "a", "d") == "a"


def test_a_chain_ends_where_nobody_is_declared_or_where_it_comes_round() -> None:
    assert who("a", "d") == ""
    assert who("a", "a", "d") == "", "nobody serves in its own place"
    assert who("a", "d", a="b", b="c", c="b") == ""
    assert who("a", "d", a="a") == ""
    assert who("d", "a") == ""
