"""Payment gateways, one file each: how a gateway is spoken to, as conversations that somebody else drives.

A file declares `GATEWAY`; it is found, not listed. It does no I/O, knows no order and no other gateway; when a payment is tried
again, through whom, and what follows from what a gateway says is no concern of it.
"""
