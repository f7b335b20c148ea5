"""Changing the secret of an installation: nothing that was sealed or signed is lost, and buyers are recognised as before."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from haat import app
from haat.app import desks
from haat.domain import people
from haat.engine import keyring, outside, settings
from haat.engine.settings import Secret
from haat.faces.cli import root
from haat.kernel.errors import Broken

SHEET = outside.Sheet(kind="transport", plugin="sslwireless", config={"sid": "HAAT"}, secrets={"api_token": "t0k3n"})
ORDER = "01a1b9be-0300-7090-b210-0c908cd242c0"


class Installation:
    """One data directory over one database."""

    def __init__(self, place: Path, dsn: str) -> None:
        self.place = place
        self.dsn = dsn

    def types(self, *words: str, **more: str) -> Result:
        environment = {"DATABASE_URL": self.dsn, "HAAT_DATA_DIR": str(self.place), "COLUMNS": "200", "NO_COLOR": "1", **more}
        return CliRunner().invoke(root.cli, list(words), obj=app.house(), env=environment)

    def runs(self, task: Any, **given: Any) -> Any:
        async def opened() -> Any:
            chosen = settings.load({}, working_dir=self.place, given={"data_dir": self.place, **given})
            async with app.open_parts(chosen, self.dsn) as parts:
                return await task(parts)

        return asyncio.run(opened())


@pytest.fixture
def here(tmp_path: Path, dsn: str) -> Installation:
    return Installation(tmp_path, dsn)


async def connect(parts: app.Parts) -> str:
    """A connection with a secret, and a link of a guest."""
    async with parts.database.transaction() as tx:
        await outside.connections.put(tx, {"sms": SHEET}, desks.connectors(), parts.desks.outside.vault, now=parts.clock.now())
    return people.guest.order_token(ORDER, expires_at=parts.clock.now() + parts.shop.guest_until(), secret=parts.shop.guest_secret)


async def spoken_with(parts: app.Parts) -> str:
    """What the connection's secret is, as it is read from the database."""
    async with parts.database.reading() as tx:
        return str((await outside.connections.load(tx, "sms", desks.connectors(), parts.desks.outside.vault)).secrets.api_token)


async def recognised(parts: app.Parts) -> bytes:
    """By what buyers are recognised."""
    return parts.desks.screening._key


def test_a_new_secret_opens_what_the_former_one_sealed_and_signed_and_takes_it_over(here: Installation) -> None:
    token, marks = here.runs(connect), here.runs(recognised)
    before = (here.place / keyring.FILE).read_text()
    assert here.types("secret", "new").exit_code == 0
    assert (here.place / keyring.FILE).read_text() != before and (here.place / keyring.FORMER).read_text() == before
    assert {oct(each.stat().st_mode & 0o777) for each in here.place.glob("secret*")} == {"0o600"}

    async def opens(parts: app.Parts) -> str:
        return people.guest.order_of_token(token, secrets=parts.shop.guest_secrets, now=parts.clock.now())

    assert (here.runs(spoken_with), here.runs(opens), here.runs(recognised)) == ("t0k3n", ORDER, marks)
    told = here.types("secret", "reseal")
    assert told.exit_code == 0 and "1 connections" in told.stdout
    assert "0 connections" in here.types("secret", "reseal").stdout, "done again it changes nothing"
    told = here.types("secret", "forget")
    assert told.exit_code == 0 and "1 former secrets" in told.stdout and not (here.place / keyring.FORMER).exists()
    assert (here.runs(spoken_with), here.runs(recognised)) == ("t0k3n", marks), "buyers are recognised as before"
    assert here.runs(opens) != ORDER, "links that it signed die with it"


def test_a_secret_that_is_set_is_changed_where_it_is_set(here: Installation) -> None:
    here.runs(connect, secret=Secret("one"))
    told = here.types("secret", "new", HAAT_SECRET="one")
    assert told.exit_code == 1 and "HAAT_FORMER_SECRETS" in told.stderr
    with pytest.raises(Broken):
        here.runs(spoken_with, secret=Secret("two"))
    assert here.runs(spoken_with, secret=Secret("two"), former_secrets=Secret("one")) == "t0k3n"
    told = here.types("secret", "reseal", HAAT_SECRET="three")
    assert told.exit_code == 1 and "sms" in told.stderr, "what no secret opens is named, and left as it is"
    assert here.types("secret", "reseal", HAAT_SECRET="two", HAAT_FORMER_SECRETS="one").exit_code == 0
    assert here.runs(spoken_with, secret=Secret("two")) == "t0k3n"
