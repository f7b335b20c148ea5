"""Couriers as they speak on the wire. One file each: booking, asking, and the messages they send; the parcels' ways are one.

Each file offers `operations(world) -> list[Operation]` and `connection(url) -> Connection`, how Haat is told to reach it.
"""
