"""What produces the telemetry: this process."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING
from uuid import uuid4

from opentelemetry.sdk.resources import OTELResourceDetector, Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("make_resource",)

_DISTRIBUTION = "litestar-saq"


def make_resource(queues: Sequence[str]) -> Resource:
    """Return the resource of this process; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over what is here.

    Args:
        queues: the queues whose workers this process runs; none in the server.
    """
    own = {
        "service.name": f"reference-worker-{'+'.join(queues)}" if queues else "reference-api",
        "service.version": version(_DISTRIBUTION),
        "service.instance.id": str(uuid4()),
    }
    given = OTELResourceDetector().detect().attributes
    return Resource.create({name: value for name, value in own.items() if name not in given})
