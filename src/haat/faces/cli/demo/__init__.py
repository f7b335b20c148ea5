"""A believable Bangladeshi market to look at: vendors, goods, prices, promotions, stock, people, and sixty days of orders.

    market(now, seed=…) ─▶ Market ─▶ seed(runtime, kinds, url): in the database, once, and its keys in demo.json

`market` is pure: the same `now` and seed give the same market. Everything in it is plain dicts in the words of the modules
that take them (`msgspec.convert(sheet, catalogue.ProductSheet)` and so on), so that only `seeding` knows the modules. All
people, phones and shops are invented; book titles are of authors long in the public domain.
"""

from haat.faces.cli.demo.market import Market, market
from haat.faces.cli.demo.seeding import FILE, seed

__all__ = ["FILE", "Market", "market", "seed"]
