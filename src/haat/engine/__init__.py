"""Floor 1: machinery without one business word.

What belongs here: the journal, group commit, the database, the web layer, settings, plug-in finding, metrics.
What does not: a rule that a shopkeeper would recognise. Those live one floor up, in `haat.domain`.
"""
