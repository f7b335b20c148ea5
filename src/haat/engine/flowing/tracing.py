"""Reads from the code of a flow what leads to what: facts to steps, steps to steps and facts. For pictures and tables, never for running.

    asked(flow)    (fact, step): what `decide` may ask for        follows(flow)  (step, step), (step, fact): what verbs may bring

Functions are followed by their source, with what their names mean: globals, closures, `self`. `match fact`, `isinstance(fact, …)` and
`type(fact) in …` narrow the facts; conditions about the order do not, so an edge means «may». A flow names its fact `fact`.
"""

import ast
import inspect
import textwrap
from collections.abc import Sequence
from types import FunctionType, MethodType, ModuleType
from typing import Any

from haat.engine.flowing.step import Flow, Local, Step
from haat.kernel.facts import Fact

Edges = set[tuple[str, str]]
Names = frozenset[str]
PACKAGE = "haat."
DEPTH = 9  # calls within calls; the deepest verb of today needs six
_NOTHING = object()


def asked(flow: Flow) -> Edges:
    """(fact, step) for each step that `decide` may ask for after that fact."""
    reader = _Reader()
    facts = frozenset(fact.__name__ for fact in flow.facts)
    decide: object = flow.decide
    reader.read(decide if isinstance(decide, FunctionType | MethodType) else _member(decide, "__call__"), facts)
    return {(fact, step) for fact, step in reader.steps if step in flow.run}


def follows(flow: Flow) -> tuple[Edges, Edges]:
    """(step, step that it asks for itself) and (step, fact that it may bring)."""
    steps: Edges = set()
    facts: Edges = set()
    for name, verb in flow.run.items():
        reader = _Reader()
        for function in (verb.run,) if isinstance(verb, Local) else (verb.call, verb.settle):
            reader.read(function, frozenset({name}))
        steps |= {(name, step) for _, step in reader.steps if step in flow.run}
        facts |= {(name, fact) for _, fact in reader.facts}
    return steps, facts


class _Reader:
    """Collects what the functions that it reads may ask for and make."""

    def __init__(self) -> None:
        self.steps: Edges = set()
        self.facts: Edges = set()
        self._seen: set[tuple[object, Names]] = set()

    def read(self, function: object, facts: Names, depth: int = DEPTH) -> None:
        """Follow a function of ours, and the functions in its closure."""
        plain = function.__func__ if isinstance(function, MethodType) else function
        if not isinstance(plain, FunctionType) or not plain.__module__.startswith(PACKAGE) or depth == 0:
            return
        if (key := (function, facts)) in self._seen:
            return
        self._seen.add(key)
        if plain.__name__ == "<lambda>":
            for named in _named_in(plain):
                self.read(named, facts, depth - 1)
            return
        tree = ast.parse(textwrap.dedent(inspect.getsource(plain))).body[0]
        scope = _scope(function, plain)
        if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
            _Block(self, scope, depth).read(tree.body, facts)
        for cell in plain.__closure__ or ():
            if isinstance(cell.cell_contents, FunctionType | MethodType):
                self.read(cell.cell_contents, facts, depth - 1)


class _Block:
    """Statements of one function, with the facts that may have led there."""

    def __init__(self, reader: _Reader, scope: dict[str, object], depth: int) -> None:
        self._reader = reader
        self._scope = scope
        self._depth = depth

    def read(self, statements: Sequence[ast.stmt], facts: Names) -> None:
        for statement in statements:
            match statement:
                case ast.Match(subject=ast.Name(id="fact"), cases=cases):
                    self._cases(cases, facts)
                case ast.If(test=test, body=body, orelse=otherwise):
                    self._expression(test, facts)
                    named = self._narrowed(test, facts)
                    self.read(body, facts if named is None else facts & named)
                    rest = facts - named if named is not None and not isinstance(test, ast.BoolOp) else facts
                    self.read(otherwise, rest)
                    if body and isinstance(body[-1], ast.Return | ast.Raise | ast.Continue):
                        facts = rest
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    continue
                case _:
                    parts, blocks = _parts(statement)
                    for part in parts:
                        self._expression(part, facts)
                    for block in blocks:
                        self.read(block, facts)

    def _cases(self, cases: Sequence[ast.match_case], facts: Names) -> None:
        left = facts
        for case in cases:
            named = {self._value(n.cls) for n in ast.walk(case.pattern) if isinstance(n, ast.MatchClass)}
            names = frozenset(n.__name__ for n in named if isinstance(n, type))
            self.read(case.body, left & names if names else left)
            bound = (ast.MatchValue, ast.MatchSingleton)
            if case.guard is None and not any(isinstance(n, bound) for n in ast.walk(case.pattern)):
                left -= names

    def _narrowed(self, test: ast.expr, facts: Names) -> Names | None:
        """The facts that pass `isinstance(fact, …)` or `type(fact) in …`, alone or in an `and`; None where the test is about else."""
        parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
        for part in parts:
            match part:
                case (
                    ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id="fact"), kinds])
                    | ast.Compare(left=ast.Call(func=ast.Name(id="type"), args=[ast.Name(id="fact")]), ops=[ast.In()], comparators=[kinds])
                ):
                    value = self._value(kinds)
                    found = value if isinstance(value, tuple | frozenset) else (value,)
                    return facts & frozenset(k.__name__ for k in found if isinstance(k, type))
        return None

    def _expression(self, part: ast.AST, facts: Names) -> None:
        for node in ast.walk(part):
            if isinstance(node, ast.Call):
                self._call(node, facts)
            elif isinstance(node, ast.Name | ast.Attribute):
                for step in _values(self._value(node)):
                    if isinstance(step, Step):
                        self._reader.steps |= {(fact, step.name) for fact in facts}
                    elif isinstance(step, FunctionType | MethodType):
                        self._reader.read(step, facts, self._depth - 1)

    def _call(self, node: ast.Call, facts: Names) -> None:
        target = self._value(node.func)
        if target is Step and node.args:
            names = {self._value(n) for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant | ast.Name | ast.Attribute)}
            self._reader.steps |= {(fact, name) for fact in facts for name in names if isinstance(name, str)}
        elif isinstance(target, type) and issubclass(target, Fact):
            self._reader.facts |= {(fact, target.__name__) for fact in facts}
        elif not isinstance(target, type | FunctionType | MethodType) and type(target).__module__.startswith(PACKAGE):
            self._reader.read(getattr(target, "__call__", None), facts, self._depth - 1)  # noqa: B004 the method itself is wanted

    def _value(self, node: ast.AST) -> Any:
        """What an expression means, as far as it is written down outside of this call; else something that is nothing."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._scope.get(name, _NOTHING)
            case ast.Attribute(value=owner, attr=name):
                found = self._value(owner)
                return inspect.getattr_static(found, name, _NOTHING) if found is _NOTHING else _member(found, name)
            case ast.Tuple(elts=parts):
                values = [self._value(part.value if isinstance(part, ast.Starred) else part) for part in parts]
                return tuple(v for value in values for v in (value if isinstance(value, tuple) else (value,)))
        return _NOTHING


def _member(owner: object, name: str) -> object:
    if isinstance(owner, ModuleType | type):
        return getattr(owner, name, _NOTHING)
    if not type(owner).__module__.startswith(PACKAGE):
        return _NOTHING
    of_class = inspect.getattr_static(type(owner), name, _NOTHING)
    if isinstance(of_class, FunctionType):
        return MethodType(of_class, owner)
    return getattr(owner, "__dict__", {}).get(name, _NOTHING)


def _values(value: object) -> tuple[object, ...]:
    """One, or those of a table."""
    return value if isinstance(value, tuple) else tuple(value.values()) if type(value) is dict else (value,)


def _named_in(plain: FunctionType) -> list[object]:
    """What a lambda names, whose source cannot be had by itself: functions, and those of the modules that it names."""
    known = [plain.__globals__.get(name, _NOTHING) for name in plain.__code__.co_names]
    modules = [value for value in known if isinstance(value, ModuleType)]
    return known + [getattr(module, name, _NOTHING) for module in modules for name in plain.__code__.co_names]


def _parts(statement: ast.stmt) -> tuple[list[ast.AST], list[list[ast.stmt]]]:
    """A statement's expressions, and its blocks."""
    blocks = [value for _, value in ast.iter_fields(statement) if isinstance(value, list) and value and isinstance(value[0], ast.stmt)]
    inner = {id(s) for block in blocks for s in block}
    parts = [child for child in ast.iter_child_nodes(statement) if id(child) not in inner]
    for part in [p for p in parts if isinstance(p, ast.ExceptHandler | ast.match_case)]:
        blocks.append(part.body)
        parts.remove(part)
    return parts, blocks


def _scope(function: object, plain: FunctionType) -> dict[str, object]:
    """What names mean in a function: its module's, its closure's, and who it is a method of. Its own variables hide them."""
    scope = dict(plain.__globals__)
    for name, cell in zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True):
        scope[name] = cell.cell_contents
    for name in plain.__code__.co_varnames:
        scope.pop(name, None)
    if isinstance(function, MethodType):
        scope["self"] = function.__self__
    return scope
