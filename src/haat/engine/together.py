"""Several statements of several owners in one round trip.

A busy server looks at its database socket once per turn of the event loop, so every round trip of a batch costs a turn in
which PostgreSQL waits. Each module keeps its own SQL and its own tables; this file only joins the texts and renumbers the
parameters, once, at import.

    _WRITE = together.writes(journal.APPEND, orders.INSERT, …)        WITH a AS (INSERT …), b AS (INSERT …) SELECT
    await tx.execute(_WRITE, *append_arguments, *insert_arguments, …)
"""

import re

_PARAMETER = re.compile(r"\$(\d+)")

#: Common table expressions of one owner, (name, SQL), with parameters $1 … of their own. All of them are executed.
Piece = tuple[tuple[str, str], ...]


def writes(*pieces: Piece) -> str:
    """One statement that does what all pieces do; its parameters are those of the pieces, one after the other."""
    found: list[str] = []
    names: set[str] = set()
    offset = 0
    for piece in pieces:
        for name, sql in piece:
            if name in names:
                raise ValueError(f"two expressions are called {name}")
            names.add(name)
            found.append(f"{name} AS {'MATERIALIZED ' if sql.lstrip().upper().startswith('SELECT') else ''}({_renumbered(sql, offset)})")
        offset += _arity(" ".join(sql for _, sql in piece))
    return "WITH " + ",\n".join(found) + "\nSELECT"


def questions(*selects: str) -> str:
    """One row with a JSON array per question. Each question selects one column called `answer` (any JSON value)."""
    found: list[str] = []
    offset = 0
    for sql in selects:
        found.append(f"(SELECT coalesce(json_agg(q.answer), '[]') FROM ({_renumbered(sql, offset)}) AS q)")
        offset += _arity(sql)
    return "SELECT " + ",\n".join(found)


def _renumbered(sql: str, offset: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + offset}", sql) if offset else sql


def _arity(sql: str) -> int:
    return max((int(n) for n in _PARAMETER.findall(sql)), default=0)
