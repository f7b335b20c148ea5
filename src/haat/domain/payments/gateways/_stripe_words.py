"""Stripe's words in ours: statuses, reasons, events (the enums of its own SDK, API version 2026-10-28). Tables only."""

from collections.abc import Mapping

from haat.domain.payments.gateway import DisputeStatus, Reason, RefundStatus, Status

#: The smallest charge by currency, in minor units.
LEAST = {"BDT": 5_000, "EUR": 50, "GBP": 30, "INR": 5_000, "USD": 50}
STATUS: Mapping[str, Status] = {
    "requires_payment_method": "pending",
    "requires_confirmation": "pending",
    "requires_action": "pending",
    "processing": "pending",
    "requires_capture": "authorized",
    "succeeded": "charged",
    "canceled": "cancelled",
}
#: decline_code or code → why. What is not here is `declined` when the bank said no.
REASONS: Mapping[str, Reason] = {
    "insufficient_funds": "insufficient_funds",
    "card_velocity_exceeded": "limit_exceeded",
    "withdrawal_count_limit_exceeded": "limit_exceeded",
    "amount_too_large": "limit_exceeded",
    "amount_too_small": "limit_exceeded",
    "expired_card": "expired_card",
    "authentication_required": "authentication_failed",
    "payment_intent_authentication_failure": "authentication_failed",
    "incorrect_cvc": "invalid_account",
    "incorrect_number": "invalid_account",
    "invalid_account": "invalid_account",
    "invalid_number": "invalid_account",
    "invalid_expiry_month": "invalid_account",
    "invalid_expiry_year": "invalid_account",
    "fraudulent": "suspected_fraud",
    "lost_card": "suspected_fraud",
    "stolen_card": "suspected_fraud",
    "pickup_card": "suspected_fraud",
    "merchant_blacklist": "suspected_fraud",
    "processing_error": "gateway_error",
    "try_again_later": "gateway_error",
    "issuer_not_available": "gateway_error",
    "duplicate_transaction": "duplicate",
    "resource_missing": "not_found",
    "charge_already_refunded": "already_done",
}
REFUND: Mapping[str, RefundStatus] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
DISPUTE: Mapping[str, DisputeStatus] = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "withdrawn",
    "needs_response": "needs_response",
    "under_review": "under_review",
    "appeal_needs_response": "appealed",
    "appeal_under_review": "appealed",
    "won": "won",
    "lost": "lost",
    "prevented": "withdrawn",
}
EVENTS: Mapping[str, Status] = {
    "payment_intent.succeeded": "charged",
    "payment_intent.payment_failed": "failed",
    "payment_intent.canceled": "cancelled",
    "payment_intent.amount_capturable_updated": "authorized",
    "charge.captured": "charged",
    "charge.failed": "failed",
    "charge.expired": "expired",
}
CALLBACK: Mapping[str, Status] = {"succeeded": "charged", "failed": "failed", "pending": "pending"}
