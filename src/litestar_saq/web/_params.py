"""How a handler's parameters are marked, in whatever release of Litestar there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar.di import NamedDependency
    from litestar.params import FromPath
else:
    try:
        from litestar.di import NamedDependency
        from litestar.params import FromPath
    except ImportError:  # before 2.23 Litestar infers both by their names, and after it warns about that

        class _Inferred:
            def __class_getitem__(cls, item: Any) -> Any:
                return item

        NamedDependency = FromPath = _Inferred

__all__ = ("FromPath", "NamedDependency")
