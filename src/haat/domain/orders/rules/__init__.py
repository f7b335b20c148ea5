"""Validation rules: one file each, declaring one `RULE`; found by the plug-in finder, listed nowhere.

Belongs here: a pure check over a `Case` that can say in one sentence what is wrong.
Does not: anything that must ask (the caller asks before, and puts the answer into the case), and no rule that knows another.
"""
