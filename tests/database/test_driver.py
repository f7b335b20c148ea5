"""What we ask of the driver beyond what it promises: its next version may do it otherwise, and then this says so."""

from haat.engine.database import connect

QUERY = "SELECT $1::uuid[], $2::timestamptz[], array_agg(n)::smallint[] FROM unnest($3::smallint[]) AS t (n)"


async def asked(dsn: str) -> list[str]:
    """What a new connection asks the server for one statement with arrays."""
    said: list[str] = []
    connection = await connect(dsn)
    try:
        with connection.query_logger(lambda record: said.append(record.query)):
            row = await connection.fetchrow(QUERY, [], [], [1, 2])
        assert list(row) == [[], [], [1, 2]]
    finally:
        await connection.close()
    return said


async def test_only_the_first_connection_asks_what_an_array_is(dsn: str) -> None:
    await asked(dsn)
    assert await asked(dsn) == [QUERY]


async def test_a_type_of_this_database_is_asked_for_on_every_connection(dsn: str) -> None:
    first = await connect(dsn)
    await first.execute("CREATE TYPE mood AS (word text, since timestamptz)")
    for word in ("glad", "sad"):
        connection = await connect(dsn)
        assert (await connection.fetchval("SELECT ROW($1::text, NULL)::mood", word))["word"] == word
        await connection.close()
    await first.execute("DROP TYPE mood")
    await first.close()
