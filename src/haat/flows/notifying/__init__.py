"""Telling people what happened to an order: a follower of the journal writes notifications down, a sender takes them out.

    Teller.deal     the facts of a page → rows, once for each fact, recipient and channel (`notifications.TOLD`)
    Sender.turn     due rows → out through a transport → sent, failed, unknown
    resend_all      what ended badly → due once more, on request

Between the two lies only the table, so a shop without a transport writes nothing, a slow gateway delays nobody, and whatever is
killed leaves either a row that is due or one whose lease ends.
"""

from haat.flows.notifying.resending import Resending, resend_all, resend_within
from haat.flows.notifying.scene import Links
from haat.flows.notifying.sender import Sender
from haat.flows.notifying.teller import FOLLOWER, Teller

__all__ = ["FOLLOWER", "Links", "Resending", "Sender", "Teller", "resend_all", "resend_within"]
