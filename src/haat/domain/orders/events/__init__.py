"""The facts of an order's life, in the order in which they may happen.

Amounts are minor units of the order's currency. What a fact carries is all that a reader needs in ten years: names as sold,
prices as charged, discounts frozen to units. A new shape is a new class; an old one is lifted in `decode`.
"""

import msgspec

from haat.domain.orders.events.deciding import (
    OrderCompleted,
    OrderConfirmed,
    OrderExceptionEscalated,
    OrderExceptionRaised,
    OrderExceptionResolved,
    OrderExpired,
    OrderFlowMigrated,
    OrderPaused,
    OrderPromised,
    OrderReinstated,
    OrderRejected,
    OrderResumed,
    OrderScreened,
)
from haat.domain.orders.events.fulfilling import (
    OrderAllocationFailed,
    OrderBackorderArrived,
    OrderCashTaken,
    OrderDelivered,
    OrderDeliveryFailed,
    OrderFulfillmentStarted,
    OrderInterceptAsked,
    OrderInventoryAllocated,
    OrderOutForDelivery,
    OrderParcelLost,
    OrderParcelPacked,
    OrderReturnReceived,
    OrderReturnStarted,
    OrderShipmentBooked,
    OrderShipmentDoubted,
    OrderShipmentFailed,
    OrderShipmentRecalled,
    OrderShipmentStrayed,
    OrderShipmentUncertain,
    OrderShipped,
    ParcelLine,
    PlannedParcel,
    VendorOrderAccepted,
    VendorOrderOffered,
    VendorOrderRejected,
    VendorOrderReminded,
)
from haat.domain.orders.events.paying import (
    OrderPaymentAttempted,
    OrderPaymentAuthorized,
    OrderPaymentDisputed,
    OrderPaymentFailed,
    OrderPaymentMismatched,
    OrderPaymentOrphaned,
    OrderPaymentProcessed,
    OrderPaymentRequested,
    OrderPaymentStarted,
    OrderPaymentUncertain,
    OrderPaymentVoided,
    OrderPaymentWaived,
    OrderRefunded,
    OrderRefundFailed,
    OrderRefundNotFound,
    OrderRefundRequested,
    OrderRefundRetried,
    OrderRefundUncertain,
)
from haat.domain.orders.events.placing import (
    Adjustment,
    Claim,
    Client,
    Customer,
    Cut,
    Line,
    OrderCancelled,
    OrderCreated,
    OrderHeld,
    OrderLinesCancelled,
    OrderNoted,
    OrderReleased,
    OrderStockReserved,
    OrderValidated,
    Payment,
    Portion,
    Remark,
    Reservation,
    Share,
    ShippingCut,
    Totals,
)
from haat.kernel.facts import Fact

OrderFact = (
    OrderCreated
    | OrderValidated
    | OrderStockReserved
    | OrderHeld
    | OrderReleased
    | OrderLinesCancelled
    | OrderCancelled
    | OrderNoted
    | OrderScreened
    | OrderConfirmed
    | OrderRejected
    | OrderExpired
    | OrderReinstated
    | OrderCompleted
    | OrderPaused
    | OrderResumed
    | OrderExceptionRaised
    | OrderExceptionEscalated
    | OrderExceptionResolved
    | OrderFlowMigrated
    | OrderPromised
    | OrderPaymentRequested
    | OrderPaymentAttempted
    | OrderPaymentStarted
    | OrderPaymentUncertain
    | OrderPaymentAuthorized
    | OrderPaymentProcessed
    | OrderPaymentFailed
    | OrderPaymentVoided
    | OrderPaymentWaived
    | OrderPaymentOrphaned
    | OrderPaymentMismatched
    | OrderPaymentDisputed
    | OrderRefundRequested
    | OrderRefundUncertain
    | OrderRefundNotFound
    | OrderRefunded
    | OrderRefundFailed
    | OrderRefundRetried
    | OrderInventoryAllocated
    | OrderAllocationFailed
    | OrderBackorderArrived
    | VendorOrderOffered
    | VendorOrderReminded
    | VendorOrderAccepted
    | VendorOrderRejected
    | OrderFulfillmentStarted
    | OrderParcelPacked
    | OrderShipmentUncertain
    | OrderShipmentBooked
    | OrderShipmentFailed
    | OrderShipmentRecalled
    | OrderShipmentStrayed
    | OrderShipped
    | OrderOutForDelivery
    | OrderDeliveryFailed
    | OrderDelivered
    | OrderReturnStarted
    | OrderReturnReceived
    | OrderParcelLost
    | OrderCashTaken
    | OrderShipmentDoubted
    | OrderInterceptAsked
)

#: Every class of fact, by the name under which the journal keeps it.
FACTS = {kind.__name__: kind for kind in OrderFact.__args__}

_decoder: msgspec.json.Decoder[OrderFact] = msgspec.json.Decoder(OrderFact)


def decode(data: str | bytes) -> Fact:
    """The fact behind its JSON. Older shapes are lifted here, so that readers know the newest only."""
    return _decoder.decode(data)


__all__ = [
    "FACTS",
    "Adjustment",
    "Claim",
    "Client",
    "Customer",
    "Cut",
    "Line",
    "OrderAllocationFailed",
    "OrderBackorderArrived",
    "OrderCancelled",
    "OrderCashTaken",
    "OrderCompleted",
    "OrderConfirmed",
    "OrderCreated",
    "OrderDelivered",
    "OrderDeliveryFailed",
    "OrderExceptionEscalated",
    "OrderExceptionRaised",
    "OrderExceptionResolved",
    "OrderExpired",
    "OrderFact",
    "OrderFlowMigrated",
    "OrderFulfillmentStarted",
    "OrderHeld",
    "OrderInterceptAsked",
    "OrderInventoryAllocated",
    "OrderLinesCancelled",
    "OrderNoted",
    "OrderOutForDelivery",
    "OrderParcelLost",
    "OrderParcelPacked",
    "OrderPaused",
    "OrderPaymentAttempted",
    "OrderPaymentAuthorized",
    "OrderPaymentDisputed",
    "OrderPaymentFailed",
    "OrderPaymentMismatched",
    "OrderPaymentOrphaned",
    "OrderPaymentProcessed",
    "OrderPaymentRequested",
    "OrderPaymentStarted",
    "OrderPaymentUncertain",
    "OrderPaymentVoided",
    "OrderPaymentWaived",
    "OrderPromised",
    "OrderRefundFailed",
    "OrderRefundNotFound",
    "OrderRefundRequested",
    "OrderRefundRetried",
    "OrderRefundUncertain",
    "OrderRefunded",
    "OrderReinstated",
    "OrderRejected",
    "OrderReleased",
    "OrderResumed",
    "OrderReturnReceived",
    "OrderReturnStarted",
    "OrderScreened",
    "OrderShipmentBooked",
    "OrderShipmentDoubted",
    "OrderShipmentFailed",
    "OrderShipmentRecalled",
    "OrderShipmentStrayed",
    "OrderShipmentUncertain",
    "OrderShipped",
    "OrderStockReserved",
    "OrderValidated",
    "ParcelLine",
    "Payment",
    "PlannedParcel",
    "Portion",
    "Remark",
    "Reservation",
    "Share",
    "ShippingCut",
    "Totals",
    "VendorOrderAccepted",
    "VendorOrderOffered",
    "VendorOrderRejected",
    "VendorOrderReminded",
    "decode",
]
