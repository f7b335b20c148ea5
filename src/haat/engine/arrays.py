"""Arrays for PostgreSQL in their text form, for statements that take thousands of values at once.

asyncpg asks of every element of an array whether it is a sequence itself; a batch of 128 orders has 20,000 of them. One joined
string costs the client a half to a quarter, and PostgreSQL parses it in C (docs/decisions/003-arrays.md has the figures):

    SELECT … FROM unnest($1::text::uuid[], $2::text::bigint[], $3::text::text[]) AS t (id, amount, code)

Documents (JSON, long free text) stay ordinary arrays: escaping them would cost more than it saves.
"""

from collections.abc import Sequence
from datetime import datetime


def ints(values: Sequence[int]) -> str:
    """Whole numbers: `{1,2,3}`."""
    return "{" + ",".join(map(str, values)) + "}"


def texts(values: Sequence[str]) -> str:
    """Texts (and uuids, instants, booleans in their text form), quoted and escaped: `{"a","b"}`. No nulls."""
    if not values:
        return "{}"
    joined = '","'.join(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join([value.replace("\\", "\\\\").replace('"', '\\"') for value in values])
    return '{"' + joined + '"}'


def instants(values: Sequence[datetime]) -> str:
    """Instants, each written once however often it stands there: the rows of a batch have few different ones."""
    written = {value: value.isoformat() for value in set(values)}
    return texts([written[value] for value in values])
