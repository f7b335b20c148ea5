"""A channel says what is spoken there, and nothing that cannot be."""

import msgspec
import pytest

from haat.domain import channels


def test_a_channel_of_this_market_needs_little():
    sheet = msgspec.convert({"code": "web", "kind": "web", "name": "Haat web"}, channels.ChannelSheet)
    assert (sheet.currency, sheet.language, sheet.external_pricing, sheet.active) == ("BDT", "bn", False, True)


@pytest.mark.parametrize(
    "wrong", [{"kind": "pigeon"}, {"currency": "taka"}, {"language": "Bangla!"}, {"code": "a b"}, {"name": ""}, {"colour": "red"}]
)
def test_what_no_channel_can_be_is_refused(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"code": "web", "kind": "web", "name": "Haat web"} | wrong, channels.ChannelSheet)
