"""Speaking with somebody outside: gateways, couriers, transports.

    outside = Outside(database, clock, draw, book, vault)         one per process
    seen = await outside.drive(connection, gateway.query(connection, known, now), subject=attempt)

A connector's operation is a conversation (kernel/outside.py); `Outside` drives it over real HTTP: one pool of connections, a time
limit, a breaker and a bound on concurrency per connection, tokens that all processes share, a masked record of what was said.
`Book` holds who may be spoken with (table `connections`, secrets sealed by the `Vault`); `inbox` is where they reach us.
Nothing here knows what is spoken about.
"""

from haat.engine.outside import connections, inbox, tokens
from haat.engine.outside.connections import Book, Plugin, Sheet
from haat.engine.outside.driving import Outside
from haat.engine.outside.record import bare
from haat.engine.outside.vault import Vault

__all__ = ["Book", "Outside", "Plugin", "Sheet", "Vault", "bare", "connections", "inbox", "tokens"]
