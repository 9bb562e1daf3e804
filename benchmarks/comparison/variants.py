"""Who is compared."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("VARIANTS", "Variant")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A job queue with its adapter, `benchmarks/peers/MODULE_peer.py`."""

    name: str
    """What `--only` takes."""
    title: str
    module: str
    own_environment: bool = True
    """Whether it has an environment made of `requirements/bench/MODULE.txt`; else it runs in this one."""


_ALL = (
    Variant(name="ours", title="litestar-saq, this one", module="ours", own_environment=False),
    Variant(name="saq", title="SAQ", module="saq"),
    Variant(name="litestar-saq-0.8", title="litestar-saq 0.8", module="litestar_saq_08"),
    Variant(name="litestar-queues", title="litestar-queues", module="litestar_queues"),
    Variant(name="arq", title="arq", module="arq"),
    Variant(name="taskiq", title="taskiq", module="taskiq"),
    Variant(name="streaq", title="streaQ", module="streaq"),
    Variant(name="dramatiq", title="dramatiq", module="dramatiq"),
    Variant(name="celery", title="Celery", module="celery"),
)
VARIANTS: dict[str, Variant] = {variant.name: variant for variant in _ALL}
