"""`haat keys …`: API keys for admins, vendors, channels and customers. A key's secret is shown once, when it is issued."""

import os
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
import typer

from haat.domain import people
from haat.faces.cli import opening, show
from haat.faces.cli.house import Runtime, house_of, operator
from haat.faces.cli.opening import DataDir
from haat.kernel.errors import Refused

PAGE = 200


def add_to(cli: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="API keys: issue, list, revoke.")
    group.command()(issue)
    group.command(name="list")(list_keys)
    group.command()(revoke)
    cli.add_typer(group, name="keys")


def issue(
    context: typer.Context,
    role: Annotated[people.Role, typer.Argument(help="Whose rights the key has.")],
    subject: Annotated[str, typer.Argument(help="Vendor code, channel code or customer id; nothing for an admin.")] = "",
    name: Annotated[str, typer.Option(help="For people to tell keys apart.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="What it may do: orders:read, orders:*, …; again for more. Default: all.")] = None,
    rate: Annotated[int | None, typer.Option(help="Requests per minute.", min=1)] = None,
    days: Annotated[int | None, typer.Option(help="Expires after so many days.", min=1)] = None,
    data_dir: DataDir = None,
) -> None:
    """Issue a key. It is printed to standard output, alone, and nowhere kept."""

    async def task(runtime: Runtime) -> people.IssuedKey:
        now = runtime.clock.now()
        wish: dict[str, object] = {"id": runtime.draw.uuid(), "role": role, "subject": subject, "name": name, "rate_per_minute": rate}
        wish |= {"scopes": scope} if scope else {}
        wish |= {"expires_at": now + timedelta(days=days)} if days else {}
        try:
            order = msgspec.convert(wish, people.KeyOrder)
        except msgspec.ValidationError as error:
            raise Refused("invalid_key", str(error)) from error
        async with runtime.database.transaction() as tx:
            return await people.issue_key(tx, order, entropy=os.urandom(32), by=operator(), now=now)

    with opening.telling():
        issued = opening.run(house_of(context), opening.chosen(data_dir=data_dir), task)
    show.say(f"Key {issued.key.id} for {issued.key.principal.actor}. Keep it: it is not shown again.")
    show.line(issued.secret)


def list_keys(
    context: typer.Context,
    role: Annotated[people.Role | None, typer.Option(help="Of this role only.")] = None,
    subject: Annotated[str | None, typer.Option(help="Of this vendor, channel or customer only.")] = None,
    data_dir: DataDir = None,
) -> None:
    """All keys, with what they may do and whether they still open anything."""

    async def task(runtime: Runtime) -> list[people.Key]:
        found: list[people.Key] = []
        async with runtime.database.reading() as tx:
            while page := await people.keys(tx, role=role, subject=subject, after=found[-1].id if found else None, limit=PAGE):
                found += page
        return found

    with opening.telling():
        found = opening.run(house_of(context), opening.chosen(data_dir=data_dir), task)
    columns = ("id", "begins", "role", "subject", "name", "scopes", "per minute", "issued by", "state")
    rows = [
        (
            key.id, f"{key.prefix}…", key.role, key.subject, key.name, " ".join(key.scopes), key.rate_per_minute or "", key.issued_by,
            _state(key),
        )
        for key in found
    ]  # fmt: skip
    show.table(f"{len(found)} keys", columns, rows, right=(6,))


def revoke(
    context: typer.Context,
    key_ids: Annotated[list[str], typer.Argument(help="The keys' ids, as `haat keys list` shows them.")],
    data_dir: DataDir = None,
) -> None:
    """Revoke keys: they open nothing any more, in every process within a second."""

    async def task(runtime: Runtime) -> list[people.Key]:
        try:
            wanted = [msgspec.convert(key_id, UUID) for key_id in key_ids]
        except msgspec.ValidationError as error:
            raise Refused("invalid_key", f"A key's id is a UUID: {error}") from error
        async with runtime.database.transaction() as tx:
            return await people.revoke_keys(tx, [str(key_id) for key_id in wanted], by=operator(), now=runtime.clock.now())

    with opening.telling():
        revoked = opening.run(house_of(context), opening.chosen(data_dir=data_dir), task)
    for key in revoked:
        show.line(f"revoked {key.id} ({key.principal.actor}{f', {key.name}' if key.name else ''})")
    if len(revoked) < len(set(key_ids)):
        show.error(f"{len(set(key_ids)) - len(revoked)} of them are not known.")
        raise typer.Exit(opening.FAILED)


def _state(key: people.Key) -> str:
    def day(at: datetime) -> str:
        return f"{at:%Y-%m-%d}"

    if key.revoked_at is not None:
        return f"revoked {day(key.revoked_at)}"
    return "open" if key.expires_at is None else f"until {day(key.expires_at)}"
