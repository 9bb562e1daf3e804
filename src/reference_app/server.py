"""The application, for `litestar --app reference_app.server:create_app`."""

# Litestar reads the annotations at run time: no `from __future__ import annotations` here.
import sys

from litestar import Litestar
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ImproperlyConfiguredException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin

from litestar_saq import SAQPlugin, TaskQueues
from reference_app import telemetry
from reference_app.answers import EXCEPTION_HANDLERS
from reference_app.events import end_streams_at_stop
from reference_app.logs import make_logging_config
from reference_app.pages import make_page_routes
from reference_app.queues import make_saq_plugin
from reference_app.routes import ROUTES
from reference_app.settings import Settings, load_settings
from reference_app.store import Store, store_of
from reference_app.uploads import FORM_BYTES

__all__ = ("create_app",)


def create_app() -> Litestar:
    """Return the application, as the environment sets it.

    A setting that is not usable ends the process, with one line on standard error and exit code 1.
    """
    settings = load_settings()
    queues = _make_queues(settings)
    return Litestar(
        route_handlers=[*ROUTES, *make_page_routes()],
        dependencies={
            "settings": Provide(lambda: settings, sync_to_thread=False),
            "store": Provide(_get_store, sync_to_thread=False),
        },
        plugins=[queues, *([telemetry.make_plugin()] if telemetry.wanted() else [])],
        lifespan=[end_streams_at_stop],
        exception_handlers=EXCEPTION_HANDLERS,
        logging_config=make_logging_config(settings.log_level),
        request_max_body_size=settings.max_upload_bytes + FORM_BYTES,
        openapi_config=_make_openapi_config(),
    )


def _get_store(task_queues: NamedDependency[TaskQueues]) -> Store:
    return store_of(task_queues)


def _make_queues(settings: Settings) -> SAQPlugin:
    try:
        return make_saq_plugin(settings)
    except ImproperlyConfiguredException as error:
        sys.exit(f"The settings can't be used: REDIS_URL is not usable: {error.detail}")


def _make_openapi_config() -> OpenAPIConfig:
    # A page that shows the document would fetch its scripts from another host.
    document = JsonRenderPlugin(path=["/", "/openapi.json"], media_type="application/json")  # type: ignore[arg-type]
    return OpenAPIConfig(
        title="CSV reports",
        version="1.0.0",
        description="A CSV file in, a report of its columns out.",
        path="/schema",
        render_plugins=[document, YamlRenderPlugin()],
        use_handler_docstrings=True,
    )
