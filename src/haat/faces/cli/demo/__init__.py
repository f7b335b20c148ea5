"""A believable Bangladeshi market to look at: vendors, goods, prices, promotions, stock, people, and sixty days of orders.

    market(now, seed=…) ─▶ Market

Pure: the same `now` and seed give the same market. Everything is plain dicts in the words of the modules that take them
(`msgspec.convert(sheet, catalogue.ProductSheet)` and so on), so this folder knows no module. All people, phones and shops
are invented; book titles are of authors long in the public domain.
"""

from haat.faces.cli.demo.market import Market, market

__all__ = ["Market", "market"]
