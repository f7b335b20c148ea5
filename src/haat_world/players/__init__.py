"""Who uses Haat: buyers with habits, vendors with moods, a desk. Over its public API only, with the keys of `demo.json`.

What they do is decided by the seed and by names that are the same in every run (number of the order, the buyer's phone, the goods),
never by ids that Haat draws; those only spread the instants at which the desk acts.
"""
