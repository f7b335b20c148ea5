"""Models: learned scores, one file each, declaring one `MODEL` (screening.Model); found by the plug-in finder, listed nowhere.

The contract: `score(case)` is pure and takes less than 50 µs, sees a `Case` only, and answers 0 (honest) … 1000 (fraud) or None
where it was not trained on such a case. Ship what it learned beside it as data. A policy counts it as `shadow` until somebody has
compared its word with what became of the orders (`fraud_sightings.outcome`, `fraud_reviews.decision`). There is none yet.
"""
