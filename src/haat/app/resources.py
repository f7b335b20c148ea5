"""Every resource of the API, each handed what it needs."""

from collections.abc import Iterator

from haat.app.desks import Desks
from haat.engine import web
from haat.faces.api import carts as carts_api
from haat.faces.api import channels as channels_api
from haat.faces.api import configuration as configuration_api
from haat.faces.api import connections as connections_api
from haat.faces.api import couriers as couriers_api
from haat.faces.api import description as description_api
from haat.faces.api import feed as feed_api
from haat.faces.api import fraud as fraud_api
from haat.faces.api import fulfilment as fulfilment_api
from haat.faces.api import hooks as hooks_api
from haat.faces.api import imports as imports_api
from haat.faces.api import keys as keys_api
from haat.faces.api import notifications as notifications_api
from haat.faces.api import order_page as order_page_api
from haat.faces.api import orders as orders_api
from haat.faces.api import pay_page as pay_page_api
from haat.faces.api import payment_routes as payment_routes_api
from haat.faces.api import payments as payments_api
from haat.faces.api import placing as placing_api
from haat.faces.api import policies as policies_api
from haat.faces.api import prices as prices_api
from haat.faces.api import products as products_api
from haat.faces.api import refunds as refunds_api
from haat.faces.api import reorders as reorders_api
from haat.faces.api import rules as rules_api
from haat.faces.api import shipments as shipments_api
from haat.faces.api import sourcing as sourcing_api
from haat.faces.api import stock as stock_api
from haat.faces.api import system as system_api
from haat.faces.api import vendor_orders as vendor_orders_api
from haat.faces.api import vendors as vendors_api
from haat.faces.api import workflows as workflows_api
from haat.faces.api.shop import Shop

#: Those that need the shop only, the busiest first.
PLAIN = (
    placing_api, orders_api, carts_api, system_api, reorders_api, vendor_orders_api, fulfilment_api, refunds_api,
    products_api, imports_api, stock_api, vendors_api, channels_api, prices_api, rules_api, keys_api, feed_api, workflows_api,
    notifications_api, configuration_api, policies_api,
)  # fmt: skip


def endpoints(shop: Shop, at: Desks) -> list[web.Endpoint]:
    """Every operation of the API, and its description."""
    said = [*_of_shop(shop), *_of_desks(shop, at)]
    return [*said, *description_api.endpoints(said, shop.settings.public_url)]


def _of_shop(shop: Shop) -> Iterator[web.Endpoint]:
    for resource in PLAIN:
        yield from resource.endpoints(shop)


def _of_desks(shop: Shop, at: Desks) -> Iterator[web.Endpoint]:
    yield from payments_api.endpoints(shop, at.counter)
    yield from payment_routes_api.endpoints(shop, at.counter)
    yield from pay_page_api.endpoints(shop, at.counter)
    yield from order_page_api.endpoints(shop, at.counter)
    yield from shipments_api.endpoints(shop, at.outside, at.fulfilling.brought)
    yield from connections_api.endpoints(at.outside)
    landing = pay_page_api.Landing(shop, at.counter)
    yield from hooks_api.endpoints(
        at.outside, keep=shop.hearing.submit, new_id=shop.draw.uuid, attempt_of=at.counter.attempt_of, landing=landing
    )
    yield from couriers_api.endpoints(at.outside, at.fulfilling.carriers.consider)
    yield from sourcing_api.endpoints(shop, at.strategies)
    yield from fraud_api.endpoints(shop, at.fraud_rules, at.fraud_models)
