"""Fraud rules: one file each, declaring one `RULE`; found by the plug-in finder, listed nowhere.

Belongs here: a pure check over a `Case` that can say in one plain sentence, in English and Bangla, what looks wrong, and with
how many points. None of them bans anybody: a new phone is neutral, and what is held against one is forgotten after 180 days.
Does not: anything that must ask (it is counted before and stands in the case), and no rule that knows another.
"""
