"""Channels: where orders come from, and what is spoken there: currency, language, price list, whose prices hold.

There are a few dozen of them, so every process keeps `load_all` in memory. A channel is switched off, never deleted:
its orders stay.
"""

from haat.domain.channels.channel import Channel, ChannelKind, ChannelSheet
from haat.domain.channels.commands import KIND, upsert
from haat.domain.channels.queries import channel, channels, load_all

__all__ = [
    "KIND",
    "Channel",
    "ChannelKind",
    "ChannelSheet",
    "channel",
    "channels",
    "load_all",
    "upsert",
]
