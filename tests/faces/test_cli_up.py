"""`haat up` as a process: it comes up by itself, stops clean, and leaves nothing behind, however it ends."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from haat.engine.settings import Settings
from haat.faces.cli import serving

PATIENCE_S = 60


class House:
    """A running `haat up` in a folder of its own."""

    def __init__(self, place: Path, *options: str) -> None:
        self.place = place
        command = [sys.executable, "-m", "haat", "up", "--port", "0", "--data-dir", str(place), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=place)
        assert self.process.stdout is not None
        self.told = self.process.stdout.readline()

    def family(self) -> list[psutil.Process]:
        """Everything that runs because of it, PostgreSQL included."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        postgres = int((self.place / "postgres" / "postmaster.pid").read_text(encoding="ascii").split()[0])
        return [*children, psutil.Process(postgres)]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.end()


def test_it_serves_when_it_says_so_keeps_its_port_and_stops_clean_when_told(house: House, tmp_path: Path) -> None:
    assert house.told.startswith("Haat is at http://127.0.0.1:")
    family = house.family()
    port = house.told.rsplit(":", 1)[1].strip()
    second = [sys.executable, "-m", "haat", "up", "--port", port, "--data-dir", str(tmp_path / "second")]
    done = subprocess.run(second, capture_output=True, text=True, timeout=PATIENCE_S, cwd=tmp_path, check=False)
    assert done.returncode == 1 and "cannot be used" in done.stderr and not (tmp_path / "second" / "postgres").exists()
    house.process.terminate()
    assert house.process.wait(PATIENCE_S) == 0
    _, left = psutil.wait_procs(family, timeout=5)
    assert left == []


def test_killed_without_warning_it_leaves_nobody_behind(house: House) -> None:
    family = house.family()
    house.process.kill()
    house.process.wait(PATIENCE_S)
    _, left = psutil.wait_procs(family, timeout=PATIENCE_S)
    assert left == []


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104 nobody listens
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("192.168.1.5", "http://192.168.1.5:8000"),
    ],
)
def test_the_world_looks_for_haat_where_it_listens(tmp_path: Path, host: str, url: str) -> None:
    command = serving._world(Settings(data_dir=tmp_path, host=host, port=8000, public_url="https://shop.example"), 8001)
    assert command[command.index("--url") + 1] == url
