"""Floor 0: the vocabulary. Money, ids, time, errors, facts, text, and where places are.

What belongs here: values and pure functions that every floor above speaks with.
What does not: anything that waits, reads a clock, draws a random number, or knows a business rule.
"""
