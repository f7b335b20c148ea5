"""Promotion kinds, one file each: what a stored promotion of this kind takes off, as pure arithmetic over the covered parts.

A file declares `PROMOTION`; it is found, not listed. Who, when, how often and who pays is no concern of a kind: that is in the stored row.
"""
