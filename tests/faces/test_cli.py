"""The commands as an operator types them, against a real database."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from haat import app
from haat.domain import inventory, notifications
from haat.engine import settings, vitals
from haat.faces.cli import bench, doctor, house, root, server, serving
from haat.faces.cli.house import Runtime
from tests.database.test_olist_import import ITEMS, ORDERS, PAYMENTS
from tests.domain.olist.dumps import a_dump


class Terminal:
    """A terminal in the folder of one installation."""

    def __init__(self, place: Path, dsn: str) -> None:
        self.place = place
        self.dsn = dsn
        self._environment = {"DATABASE_URL": dsn, "HAAT_DATA_DIR": str(place), "COLUMNS": "200", "NO_COLOR": "1"}

    def types(self, *words: str) -> Result:
        return CliRunner().invoke(root.cli, list(words), obj=app.house(), env=self._environment)

    def runs(self, task: Any) -> Any:
        async def opened() -> Any:
            chosen = settings.load({}, working_dir=self.place, given={"data_dir": self.place})
            async with app.open_runtime(chosen, self.dsn) as runtime:
                return await task(runtime)

        return asyncio.run(opened())


@pytest.fixture
def terminal(tmp_path: Path, dsn: str) -> Terminal:
    return Terminal(tmp_path, dsn)


def test_every_command_says_what_it_is_for(terminal: Terminal) -> None:
    told = terminal.types("--help")
    assert told.exit_code == 0
    for command in ("up", "serve", "work", "migrate", "import", "rebuild", "orders", "keys", "secret", "doctor", "bench"):
        assert re.search(rf"^\W*{command}\s+[A-Z]", told.output, re.MULTILINE), command
        assert terminal.types(command, "--help").exit_code == 0


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(terminal: Terminal) -> None:
    issued = terminal.types("keys", "issue", "vendor", "cha-bagan", "--name", "till", "--scope", "orders:read", "--rate", "60")
    secret = issued.stdout.strip()
    assert issued.exit_code == 0 and secret.startswith("haat_vendor_")
    listed = terminal.types("keys", "list")
    assert "cha-bagan" in listed.stdout and "orders:read" in listed.stdout and secret not in listed.stdout
    assert house.operator() in listed.stdout
    (key_id,) = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", listed.stdout)
    assert "revoked" in terminal.types("keys", "revoke", key_id).stdout
    assert "revoked" in terminal.types("keys", "list", "--role", "vendor").stdout


def test_a_wrong_wish_is_refused_in_one_sentence(terminal: Terminal) -> None:
    for words in (
        ("keys", "issue", "admin", "somebody"), ("keys", "issue", "vendor", "x", "--scope", "everything!"), ("keys", "revoke", "not-an-id"),
        ("orders", "show", "ABCD-EFGH-J"), ("orders", "trace", "01a208eb-e8ba-7753-8237-4496e1d5d60a"),
    ):  # fmt: skip
        told = terminal.types(*words)
        assert told.exit_code == 1 and "Traceback" not in told.output and told.stderr.strip(), words


def test_an_order_is_shown_and_its_story_told_in_two_languages(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "dump").mkdir()
    directory = a_dump(tmp_path / "dump", ORDERS, ITEMS, PAYMENTS)
    report = tmp_path / "report.json"
    done = terminal.types("import", "olist", str(directory), "--report", str(report))
    assert done.exit_code == 0, done.output
    assert "agree to the centavo" in done.stdout and msgspec.json.decode(report.read_bytes())["agrees"] is True

    async def number(runtime: Runtime) -> str:
        async with runtime.database.reading() as tx:
            return str(await tx.fetchval("SELECT number FROM orders WHERE external_id = 'o1'"))

    wanted = terminal.runs(number)
    shown = terminal.types("orders", "show", wanted.lower().replace("-", " "))
    assert shown.exit_code == 0 and "169.69 BRL" in shown.stdout and "olist as o1" in shown.stdout
    told = terminal.types("orders", "trace", wanted)
    heading, _, _, *lines = told.stdout.splitlines()
    assert wanted in heading and len(lines) == 3 and "paid already" in lines[0] and "set aside" in lines[2]
    assert [line.endswith("(the channel olist, import:olist)") for line in lines] == [True, False, False]
    named = terminal.types("orders", "trace", wanted, "--facts").stdout
    assert [name in named for name in ("[1 OrderCreated]", "[2 OrderValidated]", "[3 OrderStockReserved]")] == [True] * 3
    assert "অর্ডার" in terminal.types("orders", "trace", wanted, "-l", "bn").stdout

    checked = terminal.types("rebuild", "--check")
    assert checked.exit_code == 0 and "no differences" in checked.stdout

    async def meddle(runtime: Runtime) -> None:
        async with runtime.database.transaction() as tx:
            await tx.execute("UPDATE orders SET status = 'completed' WHERE external_id = 'o1'")

    terminal.runs(meddle)
    checked = terminal.types("rebuild", "--check")
    assert checked.exit_code == 1 and "completed" in checked.stdout and "1 differences" in checked.stdout


def test_products_come_from_a_file_and_bad_rows_are_listed(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "goods.ndjson"
    file.write_text('{"sku": "TEA-1", "vendor": "cha", "name_en": "Tea", "price": 12000}\n{"sku": "TEA-2", "vendor": "cha"}\n')
    told = terminal.types("import", "products", str(file))
    assert told.exit_code == 1 and "1 created" in told.stdout and "required" in told.stdout
    file.write_text('{"sku": "TEA-1", "vendor": "cha", "name_en": "Tea", "price": 12000}\n')
    told = terminal.types("import", "products", str(file))
    assert told.exit_code == 0 and "1 unchanged" in told.stdout
    assert terminal.types("import", "products", str(tmp_path)).exit_code == 2


def test_messages_that_failed_are_counted_and_told_again_by_their_reason(terminal: Terminal) -> None:
    async def fail(runtime: Runtime) -> None:
        now = runtime.clock.now()
        made = notifications.Notification(
            id=runtime.draw.uuid(), order_id=runtime.draw.uuid(), version=1, event="placed", role="customer", party="", channel="sms",
            recipient="+8801712345678", language="en", subject="", body="We have it.", parts=1, data=msgspec.Raw(b"{}"), urgent=False,
            status="failed", reason="sms_account: no credit", due_at=now, fact_at=now, created_at=now,
        )  # fmt: skip
        async with runtime.database.transaction() as tx:
            await notifications.record(tx, [made])

    terminal.runs(fail)
    listed = terminal.types("notifications", "failures")
    assert re.search(r"1\s.*sms.*failed.*sms_account", listed.stdout), listed.output
    assert "1 messages of the last day" in terminal.types("doctor").stdout
    for search in ((), ("--older-than", "0"), ("--status", "failed")):
        assert terminal.types("notifications", "resend", *search).exit_code == 2, search
    told = terminal.types("notifications", "resend", "--channel", "sms", "--reason", "sms_account", "--older-than", "0")
    assert told.exit_code == 0 and "1 to be told again, 0 refused" in told.stdout, told.output
    again = terminal.types("notifications", "resend", "--channel", "sms")
    assert "0 to be told again, 1 refused: 1 under_way" in again.stdout

    async def asked_by(runtime: Runtime) -> list[str]:
        async with runtime.database.reading() as tx:
            return [each.asked_by for each in await notifications.find(tx, notifications.Search(status="due"))]

    assert terminal.runs(asked_by) == [house.operator()]


def test_the_doctor_finds_a_healthy_installation_healthy(terminal: Terminal) -> None:
    told = terminal.types("doctor")
    assert told.exit_code == 0 and "fail" not in told.stdout
    assert {line.split()[1] for line in told.stdout.splitlines() if line[:4].strip()} >= {
        "schema",
        "database",
        "durability",
        "horizon",
        "stock",
    }


NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
ON = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "autovacuum": "on"}
WELL = doctor.Findings(
    vitals.Server(180_004, NOW, ON, 5, 200), vitals.Horizon(0.0, ""), [vitals.Following("search", 9, 0, 0.0)], [], 0, NOW
)


@pytest.mark.parametrize(
    ("sick", "name", "verdict"),
    [
        ({"server": vitals.Server(170_002, NOW, ON, 5, 200)}, "database", "fail"),
        ({"server": vitals.Server(180_000, NOW, ON | {"fsync": "off"}, 5, 200)}, "durability", "fail"),
        ({"server": vitals.Server(180_000, NOW + timedelta(seconds=3), ON, 5, 200)}, "clocks", "warn"),
        ({"server": vitals.Server(180_000, NOW, ON, 190, 200)}, "connections", "warn"),
        ({"horizon": vitals.Horizon(40.0, "psql")}, "horizon", "warn"),
        ({"horizon": vitals.Horizon(400.0, "psql")}, "horizon", "fail"),
        ({"following": [vitals.Following("search", 9, 40, 60.0)]}, "follower search", "warn"),
        ({"drift": [inventory.Drift("TEA", "dhaka", 3, 2)]}, "stock", "fail"),
        ({"overdue": 4}, "holds", "warn"),
        ({"untold": [notifications.Failure("sms", "ssl", "failed", "sms_account", 9, NOW, NOW)]}, "messages", "warn"),
    ],
)
def test_the_doctor_says_what_is_wrong_and_what_mends_it(sick: dict[str, Any], name: str, verdict: str) -> None:
    assert all(check.verdict == "pass" for check in doctor.judged(WELL))
    (found,) = [check for check in doctor.judged(msgspec.structs.replace(WELL, **sick)) if check.verdict != "pass"]
    assert (found.name, found.verdict) == (name, verdict) and found.mend


def test_benchmarks_are_found_by_what_they_say_of_themselves(tmp_path: Path) -> None:
    (tmp_path / "speed.py").write_text('"""How fast it is.\n\nMore."""\n\nif __name__ == "__main__":\n    pass\n')
    (tmp_path / "part.py").write_text('"""Not to be run."""\n')
    assert bench.benchmarks(tmp_path) == {"speed": (tmp_path / "speed.py", "How fast it is.")}


def test_a_demos_world_has_the_next_port_and_a_free_one_where_that_is_taken() -> None:
    with server.listening(serving.WORLD_HOST, 0, share=False) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        assert serving.port_beside(port - 1) not in (port - 1, port)
    assert serving.port_beside(port - 1) == port == serving.port_beside(port - 1), "the same from one run to the next"
    assert 0 < serving.port_beside(65_535) < 65_535
