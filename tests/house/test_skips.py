"""In CI a test that cannot run is a failure, whichever way it was skipped. Proved by running pytest on a small suite."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITE = {
    "marked": "import pytest\n\n\n@pytest.mark.skip(reason='no courier')\ndef test_a():\n    pass\n",
    "called": "import pytest\n\n\ndef test_a():\n    pytest.skip('no courier')\n",
    "whole_file": "import pytest\n\npytest.skip('no courier', allow_module_level=True)\n",
    "expected_to_fail": "import pytest\n\n\n@pytest.mark.xfail(strict=True)\ndef test_a():\n    assert False\n",
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    for name, text in SUITE.items():
        (tmp_path / f"test_{name}.py").write_text(text, encoding="utf-8")
    return tmp_path


def run(place: Path, **environment: str) -> tuple[int, str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rfE",
        "-p",
        "tests.skips",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(place),
        "-c",
        os.devnull,
    ]
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    done = subprocess.run(
        [*command, "--continue-on-collection-errors", str(place)],
        cwd=ROOT,
        env=kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_skipped_test_fails_in_ci(suite: Path) -> None:
    code, said = run(suite, CI="true")
    assert code != 0
    assert set(re.findall(r"(?m)^(?:FAILED|ERROR) \S*/test_(\w+)\.py", said)) == {"marked", "called", "whole_file"}, said
    assert "SKIPS_ALLOWED" in said


def test_at_home_a_test_may_be_skipped(suite: Path) -> None:
    code, said = run(suite)
    assert code == 0, said
