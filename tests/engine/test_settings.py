"""Settings: which place wins, what is refused, and that no secret shows."""

from pathlib import Path

import pytest

from haat.engine import settings
from haat.kernel import errors


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert settings.load({}, working_dir=tmp_path) == settings.Settings()


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    (tmp_path / "haat.toml").write_text("port = 1\npool_size = 3\nlog_level = 'debug'\n", encoding="utf-8")
    chosen = settings.load({"HAAT_PORT": "2", "HAAT_POOL_SIZE": "4"}, working_dir=tmp_path, given={"port": 5, "host": None})
    assert (chosen.port, chosen.pool_size, chosen.log_level, chosen.host) == (5, 4, "debug", "127.0.0.1")


def test_customary_variables_are_understood_and_ours_win(tmp_path: Path) -> None:
    chosen = settings.load({"PORT": "80", "HAAT_PORT": "81", "DATABASE_URL": "postgresql://u:p@h/d"}, working_dir=tmp_path)
    assert chosen.port == 81
    assert chosen.database_url is not None
    assert chosen.database_url.reveal() == "postgresql://u:p@h/d"


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert settings.load({"DATABASE_URL": "", "HAAT_PORT": ""}, working_dir=tmp_path).database_url is None


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("prot = 1\npool_size = 9999\n", encoding="utf-8")
    with pytest.raises(errors.Refused) as refused:
        settings.load({"HAAT_CONFIG": str(file), "HAAT_LOG_LEVL": "info", "HAAT_PORT": "many"}, working_dir=tmp_path)
    told = "\n".join(refused.value.data["mistakes"])
    assert "there is no setting 'prot'; did you mean 'port'?" in told
    assert f"{file}: pool_size: Expected `int` <= 150" in told
    assert "HAAT_LOG_LEVL is no setting; did you mean 'HAAT_LOG_LEVEL'?" in told
    assert "environment: port: Expected `int`" in told


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(errors.Refused, match="cannot be read"):
        settings.load({"HAAT_CONFIG": "missing.toml"}, working_dir=tmp_path)


def test_no_representation_shows_a_secret(tmp_path: Path) -> None:
    chosen = settings.load({"HAAT_SECRET": "hush-hush", "DATABASE_URL": "postgresql://u:hush-hush@h/d"}, working_dir=tmp_path)
    assert "hush" not in f"{chosen!r} {chosen} {settings.shown(chosen)} {chosen.secret}"
    assert settings.shown(chosen)["secret"] == "(set)"


def test_a_clock_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    assert settings.load({"HAAT_CLOCK": "2026-01-01T00:00:00Z@600"}, working_dir=tmp_path).clock.endswith("@600")
    with pytest.raises(errors.Refused, match="environment: clock: a clock is written START@PACE"):
        settings.load({"HAAT_CLOCK": "fast"}, working_dir=tmp_path)
