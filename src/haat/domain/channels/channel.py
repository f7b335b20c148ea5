"""A channel: a place where orders come from, with the money, the language and the prices that are spoken there."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

ChannelKind = Literal["web", "app", "api", "marketplace", "social", "b2b", "agent"]
Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]


class ChannelSheet(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is said about a channel.

    `price_list` is where prices come from when no better list matches. With `external_pricing` its orders may bring their own
    prices and freight: a marketplace has promised them to the buyer already, and we are told afterwards.
    """

    code: Code
    kind: ChannelKind
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")] = "BDT"
    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "bn"
    price_list: Code | None = None
    external_pricing: bool = False
    active: bool = True


class Channel(Struct, frozen=True, kw_only=True):
    """A channel as it stands. `version` counts its changes from 1."""

    code: str
    kind: ChannelKind
    name: str
    currency: str
    language: str
    price_list: str | None
    external_pricing: bool
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime
