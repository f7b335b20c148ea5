"""Transports: ways in which a message leaves, one file each, found and not listed. Each declares `TRANSPORT`."""
