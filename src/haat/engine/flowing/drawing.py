"""The picture of a flow, made from its code: which facts it listens to, what it may ask for, who does it, what takes it back.

`decide` is a function and cannot be listed; but every step, Stop and undo it may name stands in its RUN table, and which fact
leads to which step is read from the flow's own source (names of facts and steps in one `case`). Mermaid, as docs show it.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from haat.engine.flowing.step import Flow, Local


def mermaid(flow: Flow) -> str:
    """The flow as a Mermaid flowchart: facts are rounded, local steps boxes, calls outside hexagons, undoing dashed."""
    edges = _edges(flow)
    lines = ["flowchart LR"]
    for fact in sorted({fact for fact, _ in edges}):
        lines.append(f"  {fact}([{fact}])")
    for name, verb in sorted(flow.run.items()):
        title = verb.title or name
        lines.append(f'  {name}["{title}"]' if isinstance(verb, Local) else f'  {name}{{{{"{title}"}}}}')
    lines += [f"  {fact} --> {step}" for fact, step in edges]
    lines += [f"  {step} -. undone by .-> {undo}" for step, undo in sorted(flow.undo.items())]
    return "\n".join(lines) + "\n"


def _edges(flow: Flow) -> list[tuple[str, str]]:
    """(fact, step) pairs that the source of `decide` connects, those of functions of its module that it calls included."""
    module = inspect.getmodule(flow.decide)
    source = inspect.getsource(module) if module is not None else textwrap.dedent(inspect.getsource(flow.decide))
    tree = ast.parse(source)
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    facts = {fact.__name__ for fact in flow.facts}
    decide = functions.get(flow.decide.__name__)
    if decide is None:
        return []
    found: set[tuple[str, str]] = set()
    for match in [node for node in ast.walk(decide) if isinstance(node, ast.Match)]:
        for case in match.cases:
            named = _facts_of(case.pattern, facts) or facts - {f for c in match.cases for f in _facts_of(c.pattern, facts)}
            steps = _steps_of(case.body, functions, constants, set(flow.run), depth=3)
            found |= {(fact, step) for fact in named for step in steps}
    return sorted(found)


def _facts_of(pattern: ast.pattern, facts: set[str]) -> set[str]:
    names = set()
    for node in ast.walk(pattern):
        if isinstance(node, ast.MatchClass):
            name = node.cls.attr if isinstance(node.cls, ast.Attribute) else getattr(node.cls, "id", "")
            names |= {name} & facts
    return names


def _steps_of(
    body: Iterable[ast.AST], functions: Mapping[str, ast.AST], constants: Mapping[str, ast.AST], steps: set[str], *, depth: int
) -> set[str]:
    found: set[str] = set()
    nodes: Sequence[ast.AST] = [node for part in body for node in ast.walk(part)]
    for node in nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Step" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and first.value in steps:
                found.add(str(first.value))
        if isinstance(node, ast.Name) and depth:
            if node.id in constants:
                found |= _steps_of([constants[node.id]], functions, constants, steps, depth=depth - 1)
            elif node.id in functions:
                found |= _steps_of([functions[node.id]], functions, constants, steps, depth=depth - 1)
    return found
