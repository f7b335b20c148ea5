"""A PostgreSQL of our own, for everyone who did not bring one.

The server binaries come from a wheel and are run directly: no container, no packages of the system, no questions.
Under root it runs as an account without rights, which stands *inside* its directory and calls it `/proc/self/cwd`:
so it works below a closed home directory, and nobody's directories are opened for it.

    with Embedded(data_dir) as server:   # starts it, or joins the one that runs there already
        connect(server.dsn)

Several processes may share one data directory: the last one that leaves stops the server. A lock dies with its
process, so kill -9 of us leaves a server that the next start adopts, and kill -9 of PostgreSQL is recovered by it.
"""

import fcntl
import os
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2s
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import quote

import msgspec
import psutil
import psycopg
from psycopg import sql

from haat.engine import programs, tuning
from haat.kernel import errors

ROLE = "haat"  # inside PostgreSQL; its superuser
DATABASE = "haat"
PORT = 5432  # names the socket, too
SOCKET_DIR_MAX = 107 - len("/.s.PGSQL.65535.lock")  # sockaddr_un.sun_path on Linux, without its final zero
START_LIMIT_S = 300.0  # a crash with 8 GB of log to replay takes minutes, and giving up earlier would help nobody
STOP_LIMIT_S = 60.0
STEP_S = 0.02
STATUS_LINE = 7  # of postmaster.pid, counted from zero
NOBODYS_PID = 2**22 + 1  # beyond the kernel's largest pid
LOG_MAX = 16 * 1024 * 1024
#: What a server says that was killed a moment ago and whose children are still leaving: worth another attempt.
STILL_LEAVING = ("pre-existing shared memory block", "is already in use by another", "could not bind")


class _Home(msgspec.Struct, frozen=True):
    """Where things are, as we see them (`cluster`, `sockets`) and as the server does (`inside`, `sockets_inside`)."""

    data: Path
    cluster: Path
    sockets: Path
    inside: str
    sockets_inside: str
    account: programs.Account | None

    @property
    def log(self) -> Path:
        return self.data / "postgres.log"


class Embedded:
    """One use of the embedded server in `data_dir`. `port` opens 127.0.0.1 beside the socket (password in `postgres.password`).

    `options` are PostgreSQL settings that win over ours; they bind only who starts the server, not who joins it.
    """

    def __init__(self, data_dir: Path, *, port: int | None = None, options: Mapping[str, str] | None = None) -> None:
        self._data_dir = Path(data_dir).absolute()
        self._port = port
        self._options = dict(options or {})
        self._home: _Home | None = None
        self._users: int | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, *, limit_s: float = START_LIMIT_S) -> str:
        """The server answers and the database exists; returns its DSN. Blocks, at most `limit_s`; Unavailable beyond that."""
        deadline = time.monotonic() + limit_s
        self._data_dir.mkdir(parents=True, exist_ok=True)
        home = self._home = _home(self._data_dir)
        with _locked(home.data / "postgres.lock", deadline):
            if self._users is None:
                self._users = _open_lock(home.data / "postgres.users")
                fcntl.flock(self._users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if not home.cluster.exists():
                _initialise(home, deadline)
            while True:
                if not self.alive():
                    self._bury(deadline)
                    self._child = _launch(home, self._port, self._options, deadline)
                if not _await_ready(home, deadline):  # we met a server in the moment of its death
                    _pause(deadline, f"PostgreSQL ends as soon as it is there; its log is {home.log}")
                    continue
                try:
                    _create_database(self.dsn)
                except psycopg.OperationalError as error:  # or a moment before
                    _pause(deadline, f"PostgreSQL does not let us in: {error}")
                else:
                    return self.dsn

    def stop(self) -> bool:
        """We use it no longer; if nobody else does, it has stopped in fast mode: open transactions rolled back, all on disk.

        False: somebody else goes on using it.
        """
        home, users = self._home, self._users
        if home is None or users is None:
            return False
        self._users = None
        try:
            with _locked(home.data / "postgres.lock", time.monotonic() + STOP_LIMIT_S):
                if last := _last_user(users):
                    _shut_down(home)
                    if self._child is not None:
                        self._child.wait(STOP_LIMIT_S)
                fcntl.flock(users, fcntl.LOCK_UN)
        finally:
            os.close(users)
            if self._child is not None:
                self._child.returncode = self._child.poll() or 0  # where others go on using it, it is not our child any more
                self._child = None
        return last

    def alive(self) -> bool:
        """Whether the server process is there. Cheap enough for a watch every second; `start` again revives it."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        return self._home is not None and _running(self._home) is not None

    def _bury(self, deadline: float) -> None:
        """Wait for the end of our own child that no longer stands in its place: one that was killed needs a moment to be gone."""
        if self._child is not None:
            try:
                self._child.wait(_left(deadline))
            except subprocess.TimeoutExpired:
                raise errors.Unavailable("embedded_postgres_late", f"process {self._child.pid} does not end", retry_after_s=10) from None
            self._child = None

    @property
    def dsn(self) -> str:
        """Through the unix socket, which only root and the server's own account can reach."""
        home = self._home
        assert home is not None, "start() comes first"
        return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(home.sockets), safe='/')}&port={_port(home)}"

    def tcp_dsn(self) -> str:
        """Through 127.0.0.1, for programs that cannot reach the socket; holds the password, so do not print it."""
        home = self._home
        assert home is not None, "start() comes first"
        assert self._port is not None, "no port was asked for"
        return f"postgresql://{ROLE}:{_set_password(self.dsn, home.data / 'postgres.password')}@127.0.0.1:{_port(home)}/{DATABASE}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, or None when it does not run."""
        return None if self._home is None else _running(self._home)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _home(data_dir: Path) -> _Home:
    cluster = data_dir / "postgres"
    account = programs.account(cluster)
    inside = str(cluster) if account is None else "/proc/self/cwd"
    if len(os.fsencode(cluster)) <= SOCKET_DIR_MAX:
        return _Home(data_dir, cluster, cluster, inside, inside, account)
    sockets = Path("/tmp") / f"haat-{blake2s(os.fsencode(cluster), digest_size=8).hexdigest()}"  # noqa: S108  owner checked below
    sockets.mkdir(mode=0o700, exist_ok=True)
    if account is not None and sockets.stat().st_uid == 0:
        os.chown(sockets, account.uid, account.gid)
    found = sockets.lstat()
    if (
        not stat.S_ISDIR(found.st_mode)
        or stat.S_IMODE(found.st_mode) != 0o700
        or found.st_uid != (account.uid if account else os.geteuid())
    ):
        raise errors.Unavailable("embedded_postgres_sockets", f"{sockets} belongs to somebody else; remove it", permanent=True)
    return _Home(data_dir, cluster, sockets, inside, str(sockets), account)


def _initialise(home: _Home, deadline: float) -> None:
    """A new cluster appears whole or not at all: it is made beside its place and moved there."""
    fresh = home.data / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if home.account is not None:
        os.chown(fresh, home.account.uid, home.account.gid)
    command = [
        programs.path("initdb", home.account),
        f"--pgdata={'/proc/self/cwd' if home.account else fresh}",
        "--locale=C",
        "--encoding=utf8",
        f"--username={ROLE}",
        "--auth-local=trust",  # the socket lies in a directory that only its owner may enter
        "--auth-host=scram-sha-256",
    ]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_left(deadline),
        check=False,
        cwd=fresh,
        env=programs.ENVIRONMENT,
        **programs.run_as(home.account),
    )
    if done.returncode:
        raise errors.Unavailable("embedded_postgres_initdb", done.stderr.decode(errors="replace").strip(), permanent=True)
    fresh.rename(home.cluster)


def _launch(home: _Home, port: int | None, options: Mapping[str, str], deadline: float) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own (Ctrl-C in our terminal is not meant for it); back when it is ready."""
    places = {"listen_addresses": "127.0.0.1" if port else "", "port": str(port or PORT), "unix_socket_directories": home.sockets_inside}
    command = [programs.path("postgres", home.account), "-D", home.inside]
    for name, value in (tuning.settings(home.data) | places | dict(options)).items():
        command += ["-c", f"{name}={value}"]
    while True:
        _disown_stale_pid(home)
        with _log(home) as log:
            before = log.tell()
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home.cluster,
                env=programs.ENVIRONMENT,
                start_new_session=True,
                **programs.run_as(home.account),
            )
        while child.poll() is None:
            if _ready(home, child.pid):
                return child
            _pause(deadline, f"PostgreSQL is not ready yet; it goes on, and its log is {home.log}")
        said = _said(home, before)
        if not any(words in said for words in STILL_LEAVING):
            raise errors.Unavailable("embedded_postgres_start", f"PostgreSQL stopped at once and said: {said}", permanent=True)
        _pause(deadline, f"PostgreSQL does not start: {said}")


def _log(home: _Home) -> BinaryIO:
    if home.log.exists() and home.log.stat().st_size > LOG_MAX:
        home.log.replace(home.log.with_suffix(".log.1"))
    log = home.log.open("ab")
    home.log.chmod(0o600)
    return log


def _said(home: _Home, since: int) -> str:
    """What the server wrote to its log in this attempt, its last two thousand letters."""
    return home.log.read_bytes()[since:].decode(errors="replace").strip()[-2000:]


def _pid_file(home: _Home) -> list[str]:
    """Its lines: pid, directory, start, port, sockets, address, shared memory, status. Empty when there is none."""
    try:
        return (home.cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except PermissionError:
        detail = f"{home.cluster} belongs to another account; start Haat as that one"
        raise errors.Unavailable("embedded_postgres_foreign", detail, permanent=True) from None


def _running(home: _Home) -> int | None:
    """The pid of the server that stands in our cluster. A number in a file proves nothing: the process must stand there."""
    lines = _pid_file(home)
    if not lines or not lines[0].isdigit():
        return None
    try:
        process = psutil.Process(int(lines[0]))
        return process.pid if process.name().startswith("postgres") and Path(process.cwd()) == home.cluster.resolve() else None
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return None  # another account's process, which cannot be ours: we could read its directory


def _port(home: _Home) -> int:
    lines = _pid_file(home)
    return int(lines[3]) if len(lines) > 3 else PORT


def _ready(home: _Home, pid: int) -> bool:
    lines = _pid_file(home)
    return len(lines) > STATUS_LINE and lines[0] == str(pid) and lines[STATUS_LINE].strip() == "ready"


def _disown_stale_pid(home: _Home) -> None:
    """After a crash another process may have got the dead server's pid, or its zombie may keep it: PostgreSQL would see its double.

    `postmaster.pid` stays, for it names the shared memory that orphaned children may still use; only the pid in it goes.
    """
    lines = _pid_file(home)
    if lines and lines[0].isdigit() and psutil.pid_exists(int(lines[0])):
        (home.cluster / "postmaster.pid").write_text("\n".join([str(NOBODYS_PID), *lines[1:]]) + "\n", encoding="utf-8")
    for lock in home.sockets.glob(".s.PGSQL.*.lock"):
        lock.unlink()


def _await_ready(home: _Home, deadline: float) -> bool:
    """For a server that we found running: it may still be recovering. False where it is gone by now."""
    while (pid := _running(home)) is not None and not _ready(home, pid):
        _pause(deadline, f"PostgreSQL is still recovering; its log is {home.log}")
    return pid is not None


def _create_database(dsn: str) -> None:
    with psycopg.connect(dsn, dbname="postgres", autocommit=True, connect_timeout=10) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _set_password(dsn: str, file: Path) -> str:
    """The password for TCP: made at the first use, kept in `file`, which only its owner reads."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24), encoding="ascii")
    password = file.read_text(encoding="ascii")
    with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(password)))
    return password


def _shut_down(home: _Home) -> None:
    """Fast mode; and after half the time limit the immediate one, from which PostgreSQL recovers at its next start."""
    began = time.monotonic()
    asked: signal.Signals | None = None
    while (pid := _running(home)) is not None:
        wanted = signal.SIGINT if time.monotonic() < began + STOP_LIMIT_S / 2 else signal.SIGQUIT
        if wanted is not asked:
            os.kill(pid, wanted)
            asked = wanted
        _pause(began + STOP_LIMIT_S, "PostgreSQL does not stop")
    if home.sockets != home.cluster:
        shutil.rmtree(home.sockets, ignore_errors=True)


@contextmanager
def _locked(path: Path, deadline: float) -> Iterator[None]:
    lock = _open_lock(path)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                _pause(deadline, f"another Haat is starting or stopping in {path.parent}")
        yield
    finally:
        os.close(lock)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _last_user(users: int) -> bool:
    """Whether nobody else holds the users' lock. Asked under `postgres.lock`, so nobody can come in between."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), STEP_S)


def _pause(deadline: float, waiting_for: str) -> None:
    if time.monotonic() > deadline:
        raise errors.Unavailable("embedded_postgres_late", waiting_for, retry_after_s=10)
    time.sleep(STEP_S)
