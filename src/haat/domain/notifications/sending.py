"""What becomes of a notification that somebody tries to send: when again, when no more, how many at once. Pure."""

import hashlib
from datetime import datetime, timedelta

from haat.domain.notifications.telling import Channel

#: Seconds to the next try. Webhooks go on as Standard Webhooks recommends; a person is not told of yesterday's rider.
BACKOFF_S = (5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 14_400)
LIFE: dict[Channel, timedelta] = {"sms": timedelta(hours=12), "email": timedelta(hours=48), "webhook": timedelta(hours=72)}
JITTER = 0.2
BURST_S = 5
ATTEMPTS_MAX = 30


def next_try(notification: str, attempts: int, now: datetime, retry_after_s: int) -> datetime:
    """When to try again after `attempts` tries: the table, at least what the other side asked for, ± a fifth by id so that none align."""
    seconds = max(BACKOFF_S[min(attempts, len(BACKOFF_S)) - 1], retry_after_s)
    spread = hashlib.blake2b(f"{notification} {attempts}".encode(), digest_size=2).digest()
    share = int.from_bytes(spread, "big") / 0xFFFF
    return now + timedelta(seconds=seconds * (1 + JITTER * share))


def too_late(channel: Channel, since: datetime, again_at: datetime, attempts: int) -> bool:
    """Whether the next try would come after the message is of any use. `since`: when it was first due."""
    return attempts >= ATTEMPTS_MAX or again_at - since > LIFE[channel]


def allowed(next_at: datetime | None, now: datetime, per_minute: int | None, wanted: int) -> tuple[int, datetime]:
    """How many of `wanted` may leave now, and the new theoretical arrival time (GCRA with a burst of `BURST_S` seconds)."""
    start = max(next_at or now, now)
    if per_minute is None:
        return wanted, start
    gap = timedelta(seconds=60 / per_minute)
    burst = max(timedelta(seconds=BURST_S), gap)
    free = int((burst - (start - now)) / gap)
    count = max(min(wanted, free), 0)
    return count, start + gap * count
