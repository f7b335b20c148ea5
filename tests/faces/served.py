"""A demo market without a past, served by a real process: what the tests of the API talk to, and who may talk."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from haat import app
from haat.domain import inventory, people
from haat.engine.settings import Secret, Settings
from haat.faces.api import examples
from haat.faces.cli.demo import market, stocking

READY_S = 30
#: Things of one more vendor that tests order. How many the demo has of them is drawn, and may be one: the tests bring their own.
OTHER_SKU, OTHER_VENDOR, THIRD_SKU = "KHE-LUDO", "mathe-khela", "KHE-STUMPS"


class Served(msgspec.Struct):
    """A running server: its address, the database behind it, a key for each role, the process."""

    url: str
    dsn: str
    keys: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path

    def client(self, role: str | None) -> httpx.Client:
        headers = {} if role is None else {"authorization": f"Bearer {self.keys[role]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def place(self, role: str = "channel", **changed: Any) -> dict[str, Any]:
        """A new order of the example's basket, by a buyer of its own."""
        with self.client(role) as client:
            phone = f"017{time.monotonic_ns() % 100_000_000:08d}"
            body = examples.PLACE_ORDER | {"customer": {"name": "Rahima Khatun", "phone": phone}} | changed
            answer = client.post("/v1/orders", json=body)
            assert answer.status_code == 201, answer.text
            order: dict[str, Any] = answer.json()
            return order


@contextmanager
def serve(dsn: str, place: Path, **settings: str) -> Iterator[Served]:
    """Seed the database and serve it from a process of its own, with these settings, until the end."""
    keys = asyncio.run(_seed(dsn, place))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = place / "server.log"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HAAT_")}
    environment |= {"DATABASE_URL": dsn, "HAAT_DATA_DIR": str(place), "HAAT_LOG_FORMAT": "json"}
    environment |= {f"HAAT_{name.upper()}": text for name, text in settings.items()}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "haat", "serve", "--host", "127.0.0.1", "--port", str(port)],
            env=environment, stdout=out, stderr=subprocess.STDOUT, cwd=place,
        )  # fmt: skip
    try:
        running = Served(f"http://127.0.0.1:{port}", dsn, keys, process, log)
        _wait_until_ready(running)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(running: Served) -> None:
    until = time.monotonic() + READY_S
    while True:
        try:
            if httpx.get(f"{running.url}/readyz", timeout=1).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert running.process.poll() is None and time.monotonic() < until, running.log.read_text()
        with suppress(subprocess.TimeoutExpired):
            running.process.wait(0.05)


async def _seed(dsn: str, place: Path) -> dict[str, str]:
    async with app.open_runtime(Settings(data_dir=place, database_url=Secret(dsn)), dsn) as runtime:
        now = datetime.now(UTC)
        customers = await stocking.stock(runtime, market(now), app.promotion_kinds(), now)
        receipts = [
            inventory.Movement(runtime.draw.uuid(), sku, examples.MOVEMENTS["movements"][0]["location"], 1_000, "receipt", "tests")
            for sku in (OTHER_SKU, THIRD_SKU)
        ]
        async with runtime.database.transaction() as tx:
            await inventory.move(tx, receipts, actor="test", now=now)
        buyer, other = list(customers.values())[:2]
        wanted: dict[str, tuple[people.Role, str, dict[str, Any]]] = {
            "admin": ("admin", "", {}),
            "channel": ("channel", "web", {}),
            "other_channel": ("channel", "facebook", {}),
            "customer": ("customer", buyer.id, {}),
            "other_customer": ("customer", other.id, {}),
            "vendor": ("vendor", examples.VENDOR_CODE, {}),
            "other_vendor": ("vendor", examples.OTHER_VENDOR_CODE, {}),
            "packer": ("vendor", examples.VENDOR_CODE, {"scopes": ("vendor_orders:read",)}),
            "slow": ("admin", "", {"rate_per_minute": 5}),
            "expired": ("admin", "", {"expires_at": now + timedelta(seconds=1)}),
        }
        keys = {}
        async with runtime.database.transaction() as tx:
            for name, (role, subject, more) in wanted.items():
                order = people.KeyOrder(id=runtime.draw.uuid(), role=role, subject=subject, name=name, **more)
                at = now if name != "expired" else now - timedelta(days=1)
                keys[name] = (await people.issue_key(tx, order, entropy=os.urandom(32), by="test", now=at)).secret
        return keys
