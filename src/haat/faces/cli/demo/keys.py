"""`demo.json`: the address of the demo and a key for everyone who plays in it.

A key's secret is seen once, when it is issued, so the file is where they are kept (mode 600). Where the file still opens
this database, only the address in it is brought up to date; else new keys are issued and the former demo keys revoked.
"""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from haat.domain import people, vendors
from haat.engine.database import Tx
from haat.faces.cli.demo import stocking
from haat.faces.cli.demo.market import FIRST_SKU
from haat.faces.cli.demo.offers import COUPONS
from haat.faces.cli.house import Runtime
from haat.kernel import time

FILE = "demo.json"
NAME = "demo"
CHANNEL = "web"
KEYS_MAX = 1000


async def keep_keys(runtime: Runtime, url: str, *, began: datetime, entropy: Callable[[], bytes]) -> None:
    """The file stands and every key in it works. What was placed before the market `began` is its made-up past."""
    path = runtime.settings.data_dir / FILE
    kept = _read(path)
    async with runtime.database.transaction() as tx:
        if kept is None or not await _all_work(tx, _secrets(kept["keys"]), runtime):
            kept = {"keys": await _issued(tx, runtime, entropy)}
            await runtime.memory.catch_up()
    told = {"url": url, "docs": f"{url}/docs", "began": time.text(began), "channel": CHANNEL, "sku": FIRST_SKU}
    _write(path, kept | told | {"coupons": [code for code, _ in COUPONS]})


async def _issued(tx: Tx, runtime: Runtime, entropy: Callable[[], bytes]) -> dict[str, Any]:
    now = runtime.clock.now()
    former = [key.id for key in await people.keys(tx, limit=KEYS_MAX) if key.name == NAME and key.revoked_at is None]
    if former:
        await people.revoke_keys(tx, former, by="system", now=now)
    (buyer,) = (await people.customers_by_reference(tx, [stocking.BUYER["reference"]])).values()

    async def issue(role: people.Role, subject: str = "") -> str:
        order = people.KeyOrder(id=runtime.draw.uuid(), role=role, subject=subject, name=NAME)
        return (await people.issue_key(tx, order, entropy=entropy(), by="system", now=now)).secret

    return {
        "admin": await issue("admin"),
        "customer": await issue("customer", buyer.id),
        "channel": await issue("channel", CHANNEL),
        "vendors": {code: await issue("vendor", code) for code in sorted(await vendors.load_all(tx))},
    }


async def _all_work(tx: Tx, secrets: list[str], runtime: Runtime) -> bool:
    hashes = [people.hash_of(secret) for secret in secrets]
    found = await people.keys_by_hash(tx, [digest for digest in hashes if digest is not None])
    now = runtime.clock.now()
    return len(found) == len(secrets) > 0 and all(
        key.revoked_at is None and (key.expires_at is None or key.expires_at > now) for key in found.values()
    )


def _secrets(keys: dict[str, Any]) -> list[str]:
    return [secret for value in keys.values() for secret in (value.values() if isinstance(value, dict) else (value,))]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        kept = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return kept if isinstance(kept, dict) and isinstance(kept.get("keys"), dict) else None


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    fresh.replace(path)
