"""Which signals are exported, and by which protocol: OpenTelemetry's own environment variables say it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("Exports", "Protocol", "Signal", "read_exports", "wanted")

Signal: TypeAlias = Literal["traces", "metrics", "logs"]
Protocol: TypeAlias = Literal["http/protobuf", "grpc"]

_SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
_PROTOCOLS: dict[str, Protocol] = {"": "http/protobuf", "http/protobuf": "http/protobuf", "grpc": "grpc"}
_EXPORTERS = {"": True, "otlp": True, "none": False}


@dataclass(frozen=True, kw_only=True)
class Exports:
    """What the environment asks for."""

    protocols: Mapping[Signal, Protocol]
    """The signals that are exported, each with its protocol."""
    refused: tuple[str, ...] = ()
    """A sentence for each variable that can't be followed: it names the variable, its value and what would do."""


def wanted() -> bool:
    """Return whether anything is exported."""
    return bool(read_exports().protocols)


def read_exports() -> Exports:
    """Read the environment.

    A signal is exported where there is an endpoint, `OTEL_EXPORTER_OTLP_ENDPOINT` or the signal's own, unless
    `OTEL_SDK_DISABLED` is true or its exporter is `none`. A value that is empty counts as none.
    """
    if _value("OTEL_SDK_DISABLED").lower() == "true":
        return Exports(protocols={})
    protocols: dict[Signal, Protocol] = {}
    refused: dict[str, list[str]] = {}
    for signal in _SIGNALS:
        exporter = f"OTEL_{signal.upper()}_EXPORTER"
        if not any(map(_value, _names(signal, "ENDPOINT"))) or _EXPORTERS.get(_value(exporter)) is False:
            continue
        protocol = next(filter(_value, _names(signal, "PROTOCOL")), "")
        if _value(exporter) not in _EXPORTERS:
            refused.setdefault(_refusal(exporter, "'otlp' or 'none'"), []).append(signal)
        elif _value(protocol) not in _PROTOCOLS:
            refused.setdefault(_refusal(protocol, "'http/protobuf' or 'grpc'"), []).append(signal)
        else:
            protocols[signal] = _PROTOCOLS[_value(protocol)]
    sentences = [f"{refusal}: no {', no '.join(signals)} are exported" for refusal, signals in refused.items()]
    return Exports(protocols=protocols, refused=tuple(sentences))


def _names(signal: Signal, setting: str) -> tuple[str, str]:
    """Return a signal's own variable, and that of all signals."""
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_{setting}", f"OTEL_EXPORTER_OTLP_{setting}"


def _value(name: str) -> str:
    return os.environ.get(name, "").strip()


def _refusal(name: str, accepted: str) -> str:
    return f"{name} is {_value(name)!r}, but should be {accepted}"
