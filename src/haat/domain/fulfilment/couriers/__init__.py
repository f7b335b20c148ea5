"""Couriers, one file each, found by `engine/plugins.py`. A file declares `COURIER = Courier(…)` (../courier.py has the contract).

A courier that speaks plain JSON needs no file at all: `generic` is configured by the operator. What a file must not do: wait, read
a clock, send anything by itself, or know another courier.
"""
