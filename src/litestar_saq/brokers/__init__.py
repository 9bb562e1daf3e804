"""What each broker adds to SAQ's queue, one module each."""

from __future__ import annotations

from litestar_saq.brokers.base import Address, Broker, QueueMixin, broker_of, register_broker
from litestar_saq.brokers.dsn import mask_dsn, scheme_of

__all__ = ("Address", "Broker", "QueueMixin", "broker_of", "mask_dsn", "register_broker", "scheme_of")
