"""The record of what was said to others: nobody's secrets in it, however they are written there. Its rows: tests/database/test_outside.py."""

import pytest

from haat.engine.outside import record as recording


@pytest.mark.parametrize(
    "name", ["id_token", "access_token", "refresh_token", "app_secret", "user_password", "sessionkey", "api_key", "pan"]
)
def test_a_field_is_hidden_whatever_kind_of_token_or_secret_it_calls_itself(name: str) -> None:
    assert (
        recording.masked(f'{{"{name}": "abcDEF123", "token_kind": 1, "amount": 5}}')
        == f'{{"{name}": "[hidden]", "token_kind": 1, "amount": 5}}'
    )


@pytest.mark.parametrize(
    "spelt",
    [
        'p@ss/word+1 \u09e7"',
        "p%40ss%2Fword%2B1+%E0%A7%A7%22",
        "p%40ss/word%2b1%20%e0%a7%a7%22",
        r"p@ss\/word+1 \u09e7\"",
        r"p@ss\u002Fword\u002b1 \u09E7\u0022",
    ],
)
def test_a_secret_is_hidden_however_it_is_escaped(spelt: str) -> None:
    quiet = recording.quiet_values({"key": 'p@ss/word+1 \u09e7"', "others": ["another-one"]})
    assert recording.masked(f"x{spelt}y z", quiet) == "x[hidden]y z"
    assert recording.masked("(another-one)", quiet) == "([hidden])"


def test_an_sms_in_an_address_shows_neither_key_nor_phone_nor_link() -> None:
    link = "https%3A%2F%2Fshop.example%2Forders%2Fhgt_" + "Ab1-" * 17
    url = f"https://sms.example/send?user=haat&key=p%40ss%2Fword%2B1&to=%2B8801712345678&text=See+{link}"
    assert (
        recording.masked(url, ("p@ss/word+1",))
        == "https://sms.example/send?user=haat&key=[hidden]&to=[phone]&text=See+https%3A%2F%2Fshop.example%2Forders%2F[token]"
    )
