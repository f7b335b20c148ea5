"""Notifications: who is told what happened to an order, in whose language, by which way, once.

`TOLD` says which fact tells whom of what. Texts stand in files (`templates/<language>/<event>.txt`), an operator may put own ones in
their place; one text makes the mail, its HTML and its preview. A person may decline a group on a channel, choose a language and quiet
hours; the shop has manners of its own. A notification is a row before it leaves (unique by order, version, role, recipient and channel),
is claimed with a lease, and ends as sent, failed or unknown; unknown is told again only on request, or where the transport
(`transports/`, one file each) knows a double by our id. Nothing here knows an order: flows bring `Values`, and drive the transports.
"""

from haat.domain.notifications.commands import (
    KIND,
    claim,
    drop_late,
    forget,
    lapsed,
    pace,
    put_manners,
    put_preference,
    put_template,
    record,
    resend,
    set_pace,
    settle,
)
from haat.domain.notifications.notification import Notification, Outcome, Status
from haat.domain.notifications.preference import Decline, Manners, Preference, QuietHours, Who, Wish, due_at, wish_of
from haat.domain.notifications.queries import OwnText, Voice, find, load_voice, manners, notifications, own_texts, preferences
from haat.domain.notifications.sending import LIFE, allowed, next_try, too_late
from haat.domain.notifications.sms import fit, parts
from haat.domain.notifications.telling import (
    CHANNELS,
    EVENTS,
    LANGUAGES,
    ROLES,
    TOLD,
    URGENT,
    WRITTEN,
    Channel,
    Language,
    Role,
    Telling,
    written,
)
from haat.domain.notifications.template import Key, Texts, Written, brought, check, html
from haat.domain.notifications.transport import Message, Sent, Transport
from haat.domain.notifications.values import Item, Values, filled, samples
from haat.domain.notifications.wording import money, name

__all__ = [
    "CHANNELS",
    "EVENTS",
    "KIND",
    "LANGUAGES",
    "LIFE",
    "ROLES",
    "TOLD",
    "URGENT",
    "WRITTEN",
    "Channel",
    "Decline",
    "Item",
    "Key",
    "Language",
    "Manners",
    "Message",
    "Notification",
    "Outcome",
    "OwnText",
    "Preference",
    "QuietHours",
    "Role",
    "Sent",
    "Status",
    "Telling",
    "Texts",
    "Transport",
    "Values",
    "Voice",
    "Who",
    "Wish",
    "Written",
    "allowed",
    "brought",
    "check",
    "claim",
    "drop_late",
    "due_at",
    "filled",
    "find",
    "fit",
    "forget",
    "html",
    "lapsed",
    "load_voice",
    "manners",
    "money",
    "name",
    "next_try",
    "notifications",
    "own_texts",
    "pace",
    "parts",
    "preferences",
    "put_manners",
    "put_preference",
    "put_template",
    "record",
    "resend",
    "samples",
    "set_pace",
    "settle",
    "too_late",
    "wish_of",
    "written",
]
