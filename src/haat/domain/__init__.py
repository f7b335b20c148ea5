"""Floor 2: the business, in modules that do not know each other.

A module owns its tables and its words, and shows what its `__init__` exports. Whatever needs two modules lives above.
"""
