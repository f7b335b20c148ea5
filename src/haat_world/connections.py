"""How Haat is told to reach the parties: a connection for each, with the credentials that this world accepts.

`register` puts them through Haat's own API and learns where each party sends its messages: `/v1/hooks/{kind}/{code}`.
"""

from collections.abc import Mapping

import msgspec


class Connection(msgspec.Struct, frozen=True):
    """`plugin` is Haat's connector, `code` what the connection is called there. Secrets are seen by nobody afterwards."""

    code: str
    kind: str
    plugin: str
    config: Mapping[str, object]
    secrets: Mapping[str, object]
    priority: int = 100  # the lower, the more wanted
