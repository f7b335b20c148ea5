"""A notification as it is kept: written down before it leaves, and what became of it.

due ─ sending ─┬─ sent
 ▲       │     ├─ failed    it will not be taken, or it came too late
 └───────┘     └─ unknown   it may have been taken; only a resend on request tells again
stale      the fact was too old to be told        declined   the person does not want to be told
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from haat.domain.notifications.preference import Decline, Preference
from haat.domain.notifications.telling import EVENTS, WRITTEN, Channel, Language, Role
from haat.kernel.errors import Refused

Status = Literal["due", "sending", "sent", "failed", "unknown", "stale", "declined"]
#: Those of which a resend may be made: their fate is known, or will never be.
ENDED: frozenset[Status] = frozenset({"sent", "failed", "unknown", "stale"})
#: Those of which nobody knows that they arrived.
BAD_ENDS: frozenset[Status] = frozenset({"failed", "unknown"})


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


class Resent(Struct, frozen=True):
    """What became of a search for what to tell again. `refused`: how many are not, by the reason's code; `one`: a resend that was made."""

    resent: int = 0
    refused: Mapping[str, int] = {}
    one: str = ""

    def __add__(self, other: "Resent") -> "Resent":
        return Resent(self.resent + other.resent, Counter(self.refused) + Counter(other.refused), self.one or other.one)


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


def names_of(told: Notification) -> list[str]:
    """The names under which whom it is for may have said what they want."""
    if told.role == "vendor":
        return [f"vendor:{told.party}"]
    if told.role == "admin":
        return []
    address = {"sms": f"phone:{told.recipient}", "email": f"email:{told.recipient.lower()}"}.get(told.channel)
    return [*([f"customer:{told.party}"] if told.party else []), *([address] if address else [])]


def why_not(latest: Notification, said: Iterable[Preference]) -> str:
    """Why one of many is not told again, as a code; empty where it may be. What was `said` since it was written down counts, too."""
    if any(Decline(EVENTS[latest.event], latest.channel) in each.declined for each in said):
        return "declined"
    try:
        check_resend([latest])
    except Refused as error:
        return error.code
    return ""
