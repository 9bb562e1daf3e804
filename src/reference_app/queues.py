"""The queues: what runs on each, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar_saq import CronJob, QueueConfig, SAQConfig, SAQPlugin
from reference_app import telemetry
from reference_app.failures import fail_report_of_job
from reference_app.maintenance import expire_reports, recover_reports
from reference_app.tasks import analyse_column, assemble_report, split_report

if TYPE_CHECKING:
    from reference_app.settings import Settings

__all__ = ("make_saq_plugin", "queue_options")


def queue_options(settings: Settings) -> dict[str, Any]:
    """Return what every queue has in common."""
    return {
        "dsn": settings.broker_url.get_secret_value(),
        "broker_instance_options": {"socket_connect_timeout": 5},
        "shutdown_grace_period_s": settings.shutdown_grace_s,
        # What a killed worker held is back once its lease is over; this finds what hangs, with no heartbeat any more.
        "timers": {"sweep": 5},
    }


def make_saq_plugin(settings: Settings) -> SAQPlugin:
    """Return the plugin with the queues `reports`, `analysis` and `maintenance`.

    Raises:
        ImproperlyConfiguredException: where the broker's URL is not usable.
    """
    common = queue_options(settings)
    reports = QueueConfig(
        name="reports",
        tasks=[split_report, assemble_report],
        concurrency=settings.reports_concurrency,
        after_process=fail_report_of_job,
        **common,
    )
    analysis = QueueConfig(
        name="analysis",
        tasks=[analyse_column],
        concurrency=settings.analysis_concurrency,
        after_process=fail_report_of_job,
        **common,
    )
    maintenance = QueueConfig(
        name="maintenance",
        scheduled_tasks=[
            CronJob(expire_reports, cron="* * * * *", timeout=60),
            CronJob(recover_reports, cron="* * * * * */10", timeout=60),
        ],
        concurrency=settings.maintenance_concurrency,
        **common,
    )
    return SAQPlugin(
        SAQConfig(
            queue_configs=[reports, analysis, maintenance],
            enable_otel=telemetry.wanted(),
            otel_setup=telemetry.set_up,
            health_dir=settings.health_dir,
        )
    )
