"""What a worker process does: the flows, the followers of the journal, chores, and the ears at the hook inbox."""

import logging
import os
import socket
from collections.abc import Sequence

import msgspec

from haat.app.desks import Desks
from haat.engine import flowing
from haat.engine.clock import Clock
from haat.engine.database import Database
from haat.engine.flowing import Flows, House
from haat.engine.followers import Follower
from haat.engine.journal import Journal
from haat.faces import worker
from haat.faces.worker import Chore, Loop
from haat.flows import fulfilling, notifying, validating
from haat.insight import auditing, search, signals

log = logging.getLogger("haat.worker")
LISTEN_EACH_S = 0.5
LISTEN_AT_ONCE = 500  # news of one parcel come close together: the more at once, the fewer orders are read for each
SEND_EACH_S = 1.0
FORGET_EACH_S = 600.0
ASK_EACH_S = 3600.0
#: The names under which the journal is followed.
FOLLOWERS = (search.FOLLOWER, signals.FOLLOWER, validating.FOLLOWER, notifying.FOLLOWER)


def followers(database: Database, journal: Journal, at: Desks) -> Sequence[Follower]:
    """Everyone who follows the journal."""
    return [
        Follower(search.FOLLOWER, database, journal, search.deal, types=search.TYPES),
        Follower(signals.FOLLOWER, database, journal, signals.deal, types=signals.TYPES),
        Follower(validating.FOLLOWER, database, journal, validating.follow, types=validating.FOLLOWED),
        Follower(notifying.FOLLOWER, database, journal, at.teller.deal, idle=at.teller.idle),
    ]


def chores(database: Database, clock: Clock, house: House, at: Desks) -> Sequence[Chore]:
    """Everything that is done every so often."""

    async def hear_couriers() -> bool:
        return await fulfilling.listen(at.fulfilling, house, limit=LISTEN_AT_ONCE) == LISTEN_AT_ONCE

    return [
        *worker.chores(database, clock),
        Chore("hear couriers", LISTEN_EACH_S, hear_couriers),
        Chore("send notifications", SEND_EACH_S, at.sender.turn),
        Chore("forget notifications", FORGET_EACH_S, at.sender.forget),
    ]


def asking(database: Database, clock: Clock, flows: Flows, invariants: Sequence[auditing.Invariant]) -> Chore:
    """What must always be true, asked now and then; what is not is told to the log, for `haat audit` to show in full."""

    async def ask() -> bool:
        for finding in await auditing.checks(database, flows, clock.now(), invariants):
            log.error("an invariant is broken", extra=msgspec.to_builtins(finding))
        return False

    return Chore("ask the invariants", ASK_EACH_S, ask)


def loops(flows: flowing.Worker, at: Desks) -> Sequence[Loop]:
    """What runs until the worker stops."""
    return [("flows", flows.run), ("hear gateways", at.counter.run), ("write the record of what was said outside", at.outside.run)]


def name() -> str:
    """Who holds a lease, for people who look at it."""
    return f"{socket.gethostname()}:{os.getpid()}"
