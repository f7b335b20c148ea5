"""Links, places and hosts, over every tracked file, and over samples that prove the checker."""

from pathlib import Path, PurePosixPath

import pytest

from tests.house import texts

ROOT = Path(__file__).parents[2]


def test_links_lead_somewhere_and_no_file_knows_one_machine() -> None:
    paths = texts.tracked(ROOT)
    contents = {path: (ROOT / path).read_bytes().decode("utf-8", errors="replace") for path in paths}
    found = texts.findings(contents, set(paths))
    if found:
        pytest.fail("\n".join(map(str, found)), pytrace=False)


WRONG = {
    "a dead link": (12, "docs/a.md", "see [the other](b.md)"),
    "a dead picture": (12, "README.md", "![drawing](docs/house.svg)"),
    "a place of one machine": (13, "README.md", "cd /" + "root/haat"),
    "a home": (13, "ops/run", "cd /" + "home/rahim/haat"),
    "a registry": (14, "requirements.lock", "--index" + "-url x"),
    "a sleeping test": (15, "tests/test_a.py", "import time\ntime.sleep(1)"),
    "a mock": (16, "tests/test_a.py", "from unittest import mock"),
}

RIGHT = {
    "a link to a neighbour": ("docs/a.md", "[up](../README.md), [folder](../docs), [part](#below), [web](https://example.com)"),
    "a link in a sample": ("docs/a.md", "```\n[x](nowhere.md)\n```"),
    "letting others run": ("tests/test_a.py", "import asyncio\nasync def test(): await asyncio.sleep(0)"),
}


@pytest.mark.parametrize("sample", WRONG)
def test_the_checker_sees(sample: str) -> None:
    rule, path, text = WRONG[sample]
    assert rule in {finding.rule for finding in texts.findings({PurePosixPath(path): text}, set())}


@pytest.mark.parametrize("sample", RIGHT)
def test_the_checker_lets_pass(sample: str) -> None:
    path, text = RIGHT[sample]
    existing = {PurePosixPath("README.md"), PurePosixPath("docs/a.md")}
    assert [str(finding) for finding in texts.findings({PurePosixPath(path): text}, existing)] == []
