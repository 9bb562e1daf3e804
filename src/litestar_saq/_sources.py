"""How a worker's process finds the application: as it is where it was forked, else by importing it again."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar_saq.exceptions import ImproperConfigurationError

if TYPE_CHECKING:
    from litestar import Litestar

    from litestar_saq.plugin import SAQPlugin

__all__ = ("AppSource", "current_source")


@dataclass
class AppSource:
    """An application, alive in this process and by its import path for others.

    Its pickle holds the path alone: queues, tasks and hooks may be anything that the application's module makes.
    """

    app: Litestar | None
    plugin: SAQPlugin | None
    path: str | None
    verbose: bool = False

    def __getstate__(self) -> dict[str, Any]:
        if not self.path:
            raise ImproperConfigurationError(
                "worker processes that are not forked import the application again: name it by --app or LITESTAR_APP"
            )
        return {"app": None, "plugin": None, "path": self.path, "verbose": self.verbose}

    def load(self) -> SAQPlugin:
        """Return the plugin, and set logging up as the application has it."""
        if self.app is None:
            from litestar.cli._utils import LitestarEnv  # noqa: PLC0415 - the command line, which a server needs not

            os.environ["LITESTAR_QUIET_CONSOLE"] = "1"
            self.app = LitestarEnv.from_env(self.path).app
            self.plugin = plugin_of(self.app)
        elif self.app.logging_config is not None:
            # A fork has its parent's logging without the threads that it needs.
            self.app.logging_config.configure()
            standard = getattr(self.app.logging_config, "standard_lib_logging_config", None)
            if standard is not None:
                standard.configure()
        if self.verbose:
            for name in ("saq", "litestar_saq"):
                logging.getLogger(name).setLevel(logging.DEBUG)
        if self.plugin is None:
            self.plugin = plugin_of(self.app)
        return self.plugin


def plugin_of(app: Litestar) -> SAQPlugin:
    """Return the application's plugin.

    Raises:
        ImproperConfigurationError: where it has none.
    """
    from litestar_saq.plugin import SAQPlugin  # noqa: PLC0415 - the plugin imports this module

    try:
        return app.plugins.get(SAQPlugin)
    except KeyError:
        raise ImproperConfigurationError("the application has no SAQPlugin: add one to its `plugins`") from None


def current_source(app: Litestar, plugin: SAQPlugin, *, verbose: bool = False) -> AppSource:
    """Return how to find the application that runs here, by a command of Litestar's."""
    from click import get_current_context  # noqa: PLC0415 - the command line, which a server needs not
    from litestar.cli._utils import LitestarEnv  # noqa: PLC0415 - the same

    # The environment may name another application than `--app`.
    context = get_current_context(silent=True)
    env = context.find_object(LitestarEnv) if context else None
    return AppSource(app, plugin, env.app_path if env else os.environ.get("LITESTAR_APP"), verbose)
