"""Where `CI` is set, a skipped test is a failed one, unless it stands in `SKIPS_ALLOWED` with its reason.

A suite that quietly does not run proves nothing. At home a test may be skipped; a failure that is expected is no skip.
"""

import os
from collections.abc import Generator

import pytest

#: Node id (or its beginning) → why this test may be missing in CI.
SKIPS_ALLOWED: dict[str, str] = {}
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail") and not item.nodeid.startswith(tuple(SKIPS_ALLOWED)):
        report.outcome = "failed"
        report.longrepr = _complaint(item.nodeid, report.longrepr)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI and report.skipped and not collector.nodeid.startswith(tuple(SKIPS_ALLOWED)):
        report.outcome = "failed"
        report.longrepr = _complaint(collector.nodeid, report.longrepr)
    return report


def _complaint(node: str, reason: object) -> str:
    why = reason[2] if isinstance(reason, tuple) else reason
    return f"{node} was skipped in CI ({why}). Make it run, or name it in SKIPS_ALLOWED with a reason."
