"""A notification as it is kept: written down before it leaves, and what became of it.

due ─ sending ─┬─ sent
 ▲       │     ├─ failed    it will not be taken, or it came too late
 └───────┘     └─ unknown   it may have been taken; only a resend on request tells again
stale      the fact was too old to be told        declined   the person does not want to be told
"""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from haat.domain.notifications.telling import WRITTEN, Channel, Language, Role
from haat.kernel.errors import Refused

Status = Literal["due", "sending", "sent", "failed", "unknown", "stale", "declined"]
#: Those of which a resend may be made: their fate is known, or will never be.
ENDED: frozenset[Status] = frozenset({"sent", "failed", "unknown", "stale"})


class Notification(Struct, frozen=True, kw_only=True):
    """One telling of one fact to one recipient on one channel. `fact_at`: when it happened; `parts` of an SMS.

    `doubtful`: an earlier try may have arrived, so only the same connection may try again. `quiet`: the hours (`quiet_text`) in which it
    does not leave; empty for what is urgent, and by a channel that wakes nobody.
    """

    id: str
    order_id: str
    version: int
    event: str
    role: Role
    party: str
    channel: Channel
    recipient: str
    language: Language
    subject: str
    body: str
    parts: int
    data: msgspec.Raw
    urgent: bool
    status: Status
    reason: str
    due_at: datetime
    fact_at: datetime
    created_at: datetime
    resend: int = 0
    resent_from: str | None = None
    asked_by: str = ""
    connection: str = ""
    reference: str = ""
    attempts: int = 0
    doubtful: bool = False
    claim: str | None = None
    first_try_at: datetime | None = None
    sent_at: datetime | None = None
    quiet: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """What the text was made of."""
        return msgspec.json.decode(self.data, type=dict[str, Any])


class Outcome(Struct, frozen=True):
    """What became of one try. `again_at`: for `due`, when the next one is; `doubtful` as it is from now on."""

    id: str
    claim: str
    status: Status
    reason: str = ""
    reference: str = ""
    again_at: datetime | None = None
    doubtful: bool = False


def check_resend(tellings: list[Notification]) -> Notification:
    """The latest telling of the same thing to the same person, if it may be told again."""
    latest = max(tellings, key=lambda each: each.resend)
    if latest.status == "declined":
        raise Refused("declined", "This person does not want to be told of it on this channel.", kind="conflict")
    if latest.status not in ENDED:
        raise Refused("under_way", "It is still on its way.", kind="conflict", notification=latest.id)
    if latest.channel in WRITTEN and not latest.body:
        raise Refused("not_written", "No text could be written of it, so there is none to send.", kind="conflict")
    return latest
