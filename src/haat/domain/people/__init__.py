"""People: who may speak to Haat, who buys, and whom we do not sell to."""

from haat.domain.people import phone

__all__ = ["phone"]
