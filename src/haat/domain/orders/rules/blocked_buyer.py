"""A buyer on the block list buys nothing, or only after a person has looked, as the block says.

The refusal names the block and what it matched on, never the reason: that is written for the desk and not for the buyer.
"""

from haat.domain.orders.validation import Case, Hold, Outcome, Policy, Refusal, Rule


def check(case: Case, policy: Policy) -> Outcome | None:
    block = case.block
    if block is None:
        return None
    data = {"block": block.id, "on": block.on}
    if block.action == "hold":
        return Hold("COMPLIANCE", "blocked_buyer", "The buyer is on the watch list.", data)
    return Refusal("blocked_buyer", "This order cannot be accepted.", data)


RULE = Rule("blocked_buyer", 1, "The buyer is not blocked", check)
