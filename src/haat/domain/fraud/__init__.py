"""Fraud: how suspicious an order is, why, and what is to happen with it.

Rules (`rules/`, one file each) see a `Case` of counted and judged values, never anybody's data, and answer with points and a
sentence; a channel's `Policy` weighs them and sets the thresholds of `review` and `reject`. `screening.py` makes the score and
its receipt, from which it can be made again. What was seen before (`marks.py`, keyed hashes of phone, address, device and IP)
is counted exactly, also where many are screened at once, and forgotten after 180 days. Learned models have their place in
`models/`. Nothing here holds or rejects an order: the flow does, by what the assessment says.
"""

from haat.domain.fraud.case import NOTHING_SEEN, Case, Seen
from haat.domain.fraud.commands import close, conclude, put_policy, queue, record, sight
from haat.domain.fraud.marks import address_of, address_signs, key_of, mark, name_marks
from haat.domain.fraud.names import share_a_word
from haat.domain.fraud.policy import BUILT_IN, DEFAULT, Policy, PolicySheet
from haat.domain.fraud.queries import KIND, former_policies, policies, reviews, scores
from haat.domain.fraud.screening import (
    CLEAN,
    EXTERNAL,
    Assessment,
    Finding,
    Model,
    Receipt,
    Rule,
    Rulebook,
    Suspicion,
    assess,
    check_policy,
    replay,
    rulebook,
)
from haat.domain.fraud.sighting import OUTCOMES, Closed, Review, Score, Screened, Sighting

__all__ = [
    "BUILT_IN",
    "CLEAN",
    "DEFAULT",
    "EXTERNAL",
    "KIND",
    "NOTHING_SEEN",
    "OUTCOMES",
    "Assessment",
    "Case",
    "Closed",
    "Finding",
    "Model",
    "Policy",
    "PolicySheet",
    "Receipt",
    "Review",
    "Rule",
    "Rulebook",
    "Score",
    "Screened",
    "Seen",
    "Sighting",
    "Suspicion",
    "address_of",
    "address_signs",
    "assess",
    "check_policy",
    "close",
    "conclude",
    "former_policies",
    "key_of",
    "mark",
    "name_marks",
    "policies",
    "put_policy",
    "queue",
    "record",
    "replay",
    "reviews",
    "rulebook",
    "scores",
    "share_a_word",
    "sight",
]
