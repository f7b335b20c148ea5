"""Many demands at once, at the least cost together: a mixed-integer program, solved by HiGHS (docs/decisions/013-sourcing.md). Pure.

    minimise   Σ fixed·parcel + Σ unit·quantity        subject to   every line is sent whole, a quantity needs its parcel,
                                                                    no shelf gives more than it has, no node more than its room

The search ends after a number of nodes and not of seconds, so that the same question has the same answer; the time limit is a
last resort. What comes back is checked by the caller against the stock before it is believed.
"""

from collections.abc import Mapping, Sequence

import highspy
import numpy as np
from msgspec import Struct

SEARCH_NODES_MAX = 2_000
TIME_LIMIT_S = 0.25


class Leg(Struct, frozen=True, gc=False):
    """A node for a demand: what a parcel costs, and what each unit of each line (in the problem's order) adds."""

    node: str
    fixed: int
    units: tuple[int, ...]


class Problem(Struct, frozen=True):
    """A demand: (line number, quantity, parts) by line, and the legs that it may take."""

    key: str
    lines: tuple[tuple[int, int, tuple[tuple[str, int], ...]], ...]
    legs: tuple[Leg, ...]


#: (node, ((line number, quantity), …)) for each parcel of a demand
Answer = list[tuple[str, tuple[tuple[int, int], ...]]]


class _Highs(highspy.Highs):
    """The solver without its callbacks, whose setting up prints a banner before anybody could ask it to be silent."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()
        self.setOptionValue("output_flag", False)


class _Program:
    """Columns and rows while they are collected."""

    def __init__(self) -> None:
        self.costs: list[int] = []
        self.uppers: list[int] = []
        self.lowest: list[float] = []
        self.highest: list[float] = []
        self.starts: list[int] = []
        self.indices: list[int] = []
        self.values: list[int] = []

    def column(self, cost: int, upper: int) -> int:
        self.costs.append(cost)
        self.uppers.append(upper)
        return len(self.costs) - 1

    def row(self, lowest: float, highest: float, terms: Sequence[tuple[int, int]]) -> None:
        self.starts.append(len(self.indices))
        self.lowest.append(lowest)
        self.highest.append(highest)
        for column, value in terms:
            self.indices.append(column)
            self.values.append(value)


def solve(
    problems: Sequence[Problem], stock: Mapping[tuple[str, str], int], room: Mapping[str, int], start: Sequence[Answer] = ()
) -> list[Answer] | None:
    """The parcels of each problem, in their order; None where there is no solution, or none was found in time.

    `stock`: units by (SKU, node), none where it is not named; `room`: parcels by node, no limit where it is not named.
    `start`: answers that stand already, from which the search may only get better.
    """
    program = _Program()
    parcels: list[list[int]] = []
    quantities: list[list[list[int]]] = []
    shelves: dict[tuple[str, str], list[tuple[int, int]]] = {}
    rooms: dict[str, list[tuple[int, int]]] = {}
    for problem in problems:
        parcels.append([program.column(leg.fixed, 1) for leg in problem.legs])
        found = [[program.column(leg.units[i], line[1]) for leg in problem.legs] for i, line in enumerate(problem.lines)]
        quantities.append(found)
        for (_, quantity, parts), columns in zip(problem.lines, found, strict=True):
            program.row(quantity, quantity, [(column, 1) for column in columns])
            for leg, column, parcel in zip(problem.legs, columns, parcels[-1], strict=True):
                program.row(-highspy.kHighsInf, 0, [(column, 1), (parcel, -quantity)])
                for sku, each in parts:
                    shelves.setdefault((sku, leg.node), []).append((column, each))
        for leg, parcel in zip(problem.legs, parcels[-1], strict=True):
            if leg.node in room:
                rooms.setdefault(leg.node, []).append((parcel, 1))
    for key, terms in shelves.items():
        program.row(-highspy.kHighsInf, max(stock.get(key, 0), 0), terms)
    for node, terms in rooms.items():
        program.row(-highspy.kHighsInf, max(room[node], 0), terms)
    values = _run(program, _values(program, problems, parcels, quantities, start))
    if values is None:
        return None
    return [_answer(problem, found, values) for problem, found in zip(problems, quantities, strict=True)]


def _run(program: _Program, start: Sequence[int]) -> Sequence[float] | None:
    size = len(program.costs)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = size, len(program.lowest)
    model.col_cost_ = np.array(program.costs, dtype=np.double)
    model.col_lower_ = np.zeros(size)
    model.col_upper_ = np.array(program.uppers, dtype=np.double)
    model.row_lower_ = np.array(program.lowest, dtype=np.double)
    model.row_upper_ = np.array(program.highest, dtype=np.double)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.array([*program.starts, len(program.indices)], dtype=np.int32)
    model.a_matrix_.index_ = np.array(program.indices, dtype=np.int32)
    model.a_matrix_.value_ = np.array(program.values, dtype=np.double)
    model.integrality_ = [highspy.HighsVarType.kInteger] * size
    highs = _Highs()
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("mip_rel_gap", 0.0)
    highs.setOptionValue("mip_abs_gap", 0.5)  # costs are whole numbers
    highs.setOptionValue("mip_max_nodes", SEARCH_NODES_MAX)
    highs.setOptionValue("time_limit", TIME_LIMIT_S)
    highs.passModel(model)
    if start:
        standing = highspy.HighsSolution()
        standing.col_value = [float(value) for value in start]
        highs.setSolution(standing)
    highs.run()
    solution = highs.getSolution()
    if not solution.value_valid or highs.getInfo().primal_solution_status != 2:  # 2: a feasible point
        return None
    return list(solution.col_value)


def _values(
    program: _Program,
    problems: Sequence[Problem],
    parcels: Sequence[Sequence[int]],
    quantities: Sequence[Sequence[Sequence[int]]],
    start: Sequence[Answer],
) -> list[int]:
    """The columns' values in which `start` is written; none where there is no start."""
    if not start:
        return []
    values = [0] * len(program.costs)
    for problem, ys, xs, answer in zip(problems, parcels, quantities, start, strict=True):
        place = {leg.node: n for n, leg in enumerate(problem.legs)}
        row = {line[0]: n for n, line in enumerate(problem.lines)}
        for node, lines in answer:
            values[ys[place[node]]] = 1
            for line_no, units in lines:
                values[xs[row[line_no]][place[node]]] = units
    return values


def _answer(problem: Problem, quantities: Sequence[Sequence[int]], values: Sequence[float]) -> Answer:
    found: Answer = []
    for place, leg in enumerate(problem.legs):
        lines = [
            (line_no, units)
            for (line_no, _, _), columns in zip(problem.lines, quantities, strict=True)
            if (units := round(values[columns[place]]))
        ]
        if lines:
            found.append((leg.node, tuple(lines)))
    return found
