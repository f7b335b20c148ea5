"""A flow on paper, made from its code (tracing.py): a picture in Mermaid, and tables of its steps. As docs and the API show it.

Facts that lead to the same steps share one node; a step that every fact may ask for hangs on «any of its facts», so that the picture stays
readable.
"""

from collections.abc import Iterable

from haat.engine.flowing import tracing
from haat.engine.flowing.step import Flow, Local, Verb

ANY = "any of its facts"
STEP_COLUMNS = ("step", "what", "where", "owner", "tries", "for at most", "repairs", "during a hold")
MADE = "Made from the code by `haat flows draw docs/flows`. Facts are rounded, steps in the database boxes, calls outside hexagons."


def mermaid(flow: Flow) -> str:
    """The flow as a Mermaid flowchart."""
    asked, (follows, _) = _grouped(flow), tracing.follows(flow)
    lines = ["flowchart LR"]
    ids = {facts: f"f{n}" for n, facts in enumerate(sorted({facts for facts, _ in asked}))}
    lines += [f'  {ids[facts]}(["{"<br/>".join(facts)}"])' for facts in sorted(ids)]
    for name, verb in flow.run.items():
        title = verb.title or name
        lines.append(f'  {name}["{title}"]' if isinstance(verb, Local) else f'  {name}{{{{"{title}"}}}}')
    lines += [f"  {ids[facts]} --> {step}" for facts, step in sorted(asked)]
    lines += [f"  {step} --> {other}" for step, other in sorted(follows)]
    lines += [f"  {step} -. undone by .-> {undo}" for step, undo in sorted(flow.undo.items())]
    return "\n".join(lines) + "\n"


def page(flow: Flow) -> str:
    """The flow as a page: its picture, its steps, and what leads to what."""
    asked, (follows, brings) = tracing.asked(flow), tracing.follows(flow)
    everything = {fact.__name__ for fact in flow.facts}
    rows = [list(STEP_COLUMNS), *([f"`{name}`", *rest] for _, name, *rest in steps(flow))]
    links = [["step", "asked for after", "brings"]]
    for name in flow.run:
        after = {fact for fact, step in asked if step == name}
        named = [ANY] if after == everything else sorted(after)
        named += [f"`{step}`" for step, other in sorted(follows) if other == name]
        links.append([f"`{name}`", ", ".join(named) or "–", ", ".join(sorted(fact for step, fact in brings if step == name)) or "–"])
    return "\n".join(
        [
            f"# {flow.title}", "", f"{flow.title_bn}. Code `{flow.code}`, version {flow.version}.", "", MADE, "",
            "```mermaid", mermaid(flow).rstrip(), "```", "", *_table(rows), "", *_table(links), "",
        ]
    )  # fmt: skip


def steps(flow: Flow) -> list[list[str]]:
    """One row for each step: its flow, then STEP_COLUMNS."""
    return [[flow.code, name, *_row(verb)] for name, verb in flow.run.items()]


def _grouped(flow: Flow) -> set[tuple[tuple[str, ...], str]]:
    """(facts, step): facts that lead to the very same steps together."""
    asked = tracing.asked(flow)
    everything = {fact.__name__ for fact in flow.facts}
    general = {step for step in flow.run if len(everything) > 1 and {fact for fact, s in asked if s == step} == everything}
    groups: dict[frozenset[str], list[str]] = {}
    for fact in sorted(everything):
        led = frozenset(step for f, step in asked if f == fact and step not in general)
        groups.setdefault(led, []).append(fact)
    found = {(tuple(facts), step) for led, facts in groups.items() for step in led}
    return found | {((ANY,), step) for step in general}


def _row(verb: Verb) -> list[str]:
    where = "database" if isinstance(verb, Local) else f"outside, {verb.limit_s:.0f} s"
    goes_on = "waits" if verb.waits_for_holds else "goes on"
    tries = f"{verb.attempts_max:,}" if verb.attempts_max < 1_000_000 else "no limit"
    return [verb.title, where, verb.owner, tries, _span(verb.age_limit_s), ", ".join(verb.repairs), goes_on]


def _span(seconds: float) -> str:
    days, hours = seconds / 86_400, seconds / 3_600
    return f"{days:.0f} d" if days >= 1 else f"{hours:.0f} h"


def _table(rows: Iterable[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|" + "---|" * (lines[0].count("|") - 1), *lines[1:]]
