"""Tax of an amount: by class, zone and date, contained in the price or added to it, rounded half up once per line, parcel or fee.

Rates are rows with validity dates. Bangladesh: VAT & SD Act 2012, standard 15 %, reduced 10, 7.5, 5 …, exports 0; the table changes
with each June budget. The empty class bears no tax. A market without a single rate charges none; a class without a valid rate in
a market that has rates is refused, never silently untaxed.
"""

from datetime import datetime

from msgspec import Struct

from haat.domain.pricing.quoted import TaxNote
from haat.domain.pricing.rows import TaxRate
from haat.domain.pricing.rules import Rules, valid
from haat.kernel.errors import Refused

UNTAXED = TaxRate("none", 0)


class Taxes(Struct, gc=False):
    """The rates that one quote met and what came of each, by class. `contained`: prices are given, tax is never added."""

    rules: Rules
    zone: str
    now: datetime
    contained: bool
    rates: dict[str, TaxRate] = {}
    sums: dict[str, int] = {}

    def rate(self, tax_class: str) -> TaxRate:
        """The rate of a class in this zone now."""
        found = self.rates.get(tax_class)
        if found is None:
            found = self.rates[tax_class] = _rate(self.rules, tax_class, self.zone, self.now)
            self.sums[tax_class] = 0
        return found

    def of(self, amount: int, tax_class: str) -> tuple[int, int, bool]:
        """(tax, rate, whether it is contained in `amount`), counted in the sums."""
        found = self.rates.get(tax_class) or self.rate(tax_class)
        rate = found.rate
        included = found.included or self.contained
        if not rate:
            return 0, 0, included
        # kernel.money's half_up of a positive numerator, spelled out: this runs for every line of every quote
        divisor = 10_000 + rate if included else 10_000
        tax = (2 * amount * rate + divisor) // (2 * divisor)
        self.sums[tax_class] += tax
        return tax, rate, included

    def notes(self) -> tuple[TaxNote, ...]:
        """What the receipt says: each rate that was used."""
        return tuple(
            TaxNote(tax_class, rate.rate, rate.version, self.sums[tax_class], not (rate.included or self.contained))
            for tax_class, rate in self.rates.items()
            if rate is not UNTAXED
        )


def _rate(rules: Rules, tax_class: str, zone: str, now: datetime) -> TaxRate:
    if not tax_class or not rules.taxes:
        return UNTAXED
    for key in ((tax_class, zone), (tax_class, "")):
        for row in rules.taxes.get(key, ()):
            if valid(row, now):
                return row
    raise Refused("no_tax_rate", f"no rate of the tax class {tax_class} is valid now", tax_class=tax_class, zone=zone)
