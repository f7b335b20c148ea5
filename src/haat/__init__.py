"""Haat (হাট): the order platform for multi-vendor marketplaces. An order is its facts."""

__version__ = "0.1.0"
