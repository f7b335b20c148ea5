"""The pages of flows in docs/flows are made from the code, and say what the code says."""

from pathlib import Path

from haat.engine.flowing import Outside, drawing, tracing
from haat.engine.outside import connections
from tests.flows import stage

PAGES = Path(__file__).parents[2] / "docs" / "flows"


async def test_the_pages_of_flows_say_what_the_code_says(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, seed=False) as s:
        drawn = {f"{flow.code}.md": drawing.page(flow) for flow in s.parts.flows.newest.values()}
    kept = {page.name: page.read_text(encoding="utf-8") for page in PAGES.glob("*.md")}
    stale = sorted(name for name in drawn.keys() | kept.keys() if drawn.get(name) != kept.get(name))
    assert not stale, f"draw them again with `haat flows draw docs/flows`: {stale}"


async def test_every_step_is_asked_for_by_a_fact_or_a_step(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, seed=False) as s:
        for flow in s.parts.flows.newest.values():
            asked = {step for _, step in tracing.asked(flow) | tracing.follows(flow)[0]}
            assert asked == set(flow.run), flow.code


async def test_every_call_may_take_as_long_as_the_connection_that_it_is_made_through(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, seed=False) as s:
        calls = {
            f"{f.code}:{name}": verb for f in s.parts.flows.newest.values() for name, verb in f.run.items() if isinstance(verb, Outside)
        }
    assert calls
    assert {name: verb.limit_s for name, verb in calls.items() if verb.limit_s < connections.LIMIT_MAX_S} == {}
