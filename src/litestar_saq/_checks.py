"""Checks of configuration fields: each raises a FieldError that names the field, its value and what is accepted."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from litestar_saq.exceptions import FieldError

__all__ = ("Fields",)


class Fields:
    """Checks the fields of one configuration object."""

    def __init__(self, config: object) -> None:
        self._config = config
        self._owner = type(config).__name__

    def refuse(self, field: str, accepted: str, value: object = ...) -> FieldError:
        """Return the error for a field; `value` replaces what the field holds in the message."""
        return FieldError(self._owner, field, getattr(self._config, field) if value is ... else value, accepted)

    def get(self, field: str) -> Any:
        """Return what a field holds."""
        return getattr(self._config, field)

    def number(self, field: str, *, least: float, above: bool = False, optional: bool = False) -> None:
        """Take a number of at least (or above) a bound."""
        value: Any = getattr(self._config, field)
        if value is None and optional:
            return
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if not math.isfinite(number) or number < least or (above and number == least):
            bound = f"a number above {least:g}" if above else f"a number of at least {least:g}"
            raise self.refuse(field, f"{bound}{', or None' if optional else ''}")

    def whole(self, field: str, *, least: int, optional: bool = False) -> None:
        """Take a whole number of at least a bound."""
        value = getattr(self._config, field)
        if value is None and optional:
            return
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.refuse(field, f"a whole number of at least {least}{', or None' if optional else ''}")

    def flag(self, field: str, *, optional: bool = False) -> None:
        """Take True or False."""
        value = getattr(self._config, field)
        if not isinstance(value, bool) and not (optional and value is None):
            raise self.refuse(field, "True, False or None" if optional else "True or False")

    def text(self, field: str, *, optional: bool = False) -> None:
        """Take a text that is not empty."""
        value = getattr(self._config, field)
        if not (isinstance(value, str) and value.strip()) and not (optional and value is None):
            raise self.refuse(field, f"a text that is not empty{', or None' if optional else ''}")

    def one_of(self, field: str, choices: Collection[Any]) -> None:
        """Take one of these values."""
        if getattr(self._config, field) not in choices:
            raise self.refuse(field, "one of " + ", ".join(repr(choice) for choice in choices))

    def mapping(self, field: str, *, keys: Collection[str] | None = None, optional: bool = False) -> None:
        """Take a mapping with text keys, of the given names only where names are given."""
        value = getattr(self._config, field)
        if value is None and optional:
            return
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise self.refuse(field, "a mapping with text keys", value=type(value).__name__)
        if keys is not None and (unknown := sorted(set(value) - set(keys))):
            raise self.refuse(field, f"keys are {', '.join(sorted(keys))}", value=", ".join(unknown))

    def function(self, field: str) -> Callable[..., Any]:
        """Take a callable."""
        value = getattr(self._config, field)
        if not callable(value):
            raise self.refuse(field, "a function")
        return value  # type: ignore[no-any-return]

    def collection(self, field: str) -> list[Any]:
        """Take a list, tuple or set, not a text."""
        value = getattr(self._config, field)
        if not isinstance(value, Collection) or isinstance(value, str | bytes | Mapping):
            raise self.refuse(field, "a list, tuple or set")
        return list(value)
