"""Policies: how strictly a channel is screened. Weights of the rules, their limits, the thresholds, what a late review leads to.

One per channel, `default` for the channels without their own. Points are multiplied by a rule's weight (percent, 100 as the
rule declares it; 0 switches it off). What is not said stays as the rules declare it, so a new rule counts at once everywhere.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DEFAULT = "default"
SCORE_MAX = 1000

Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Percent = Annotated[int, Meta(ge=0, le=1000)]
Threshold = Annotated[int, Meta(ge=1, le=SCORE_MAX + 1)]
Limit = Annotated[int, Meta(ge=0, le=10**15)]


class PolicySheet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an admin says. A score of `review_at` or more is looked at by a person, of `reject_at` or more is refused; 1001 = never.

    `weights` in percent by rule or model, `limits` by rule and name (no more than 200 orders of a phone are counted, 50 of an address
    or device, 150 of an IP). `models`: how the highest weighted score of a model is joined
    with that of the rules: `shadow` (written down, does not count), `highest` (the greater of both), `sum` (both, 1000 at most).
    A review that nobody decides within `review_limit_s` is escalated (an exception for the fraud desk) or rejected.
    """

    review_at: Threshold = 400
    reject_at: Threshold = 800
    weights: dict[Code, Percent] = msgspec.field(default_factory=dict)
    limits: dict[Code, dict[Code, Limit]] = msgspec.field(default_factory=dict)
    models: Literal["shadow", "highest", "sum"] = "shadow"
    review_limit_s: Annotated[int, Meta(ge=60, le=30 * 86_400)] = 6 * 3600
    overdue: Literal["escalate", "reject"] = "escalate"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A channel's policy as it stands. `version` counts its changes from 1; 0 is what the house begins with."""

    channel: str
    version: int
    by: str = ""
    at: datetime | None = None
    review_at: int = 400
    reject_at: int = 800
    weights: Mapping[str, int] = msgspec.field(default_factory=dict)
    limits: Mapping[str, Mapping[str, int]] = msgspec.field(default_factory=dict)
    models: Literal["shadow", "highest", "sum"] = "shadow"
    review_limit_s: int = 6 * 3600
    overdue: Literal["escalate", "reject"] = "escalate"


#: What holds until somebody says otherwise.
BUILT_IN = Policy(channel=DEFAULT, version=0)


def policy_of(sheet: PolicySheet, *, channel: str, version: int, by: str, at: datetime) -> Policy:
    """The policy that a sheet makes."""
    return Policy(channel=channel, version=version, by=by, at=at, **msgspec.structs.asdict(sheet))
