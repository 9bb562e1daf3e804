"""The reference app in processes of its own, which tell the collector of themselves."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import httpx
from saq import Job, Queue

from tests.integration.observability.backends import wait_for
from tests.integration.processes.litestar_process import LitestarProcess
from tests.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ("ReferenceApp",)

QUEUES = ("reports", "analysis", "maintenance")


class ReferenceApp:
    """An API and a worker for each queue; the API exports by HTTP, the workers by gRPC.

    Args:
        folder: where they run.
        redis_url: the broker.
        http_endpoint: the collector's.
        grpc_endpoint: the collector's.
    """

    def __init__(self, folder: Path, redis_url: str, http_endpoint: str, grpc_endpoint: str) -> None:
        port = free_port()
        self._redis_url = redis_url
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60)
        common = {"REDIS_URL": redis_url, "OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_METRIC_EXPORT_INTERVAL": "2000"}
        by_http = {**common, "OTEL_EXPORTER_OTLP_ENDPOINT": http_endpoint}
        by_grpc = {**common, "OTEL_EXPORTER_OTLP_ENDPOINT": grpc_endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        app = ["--app", "reference_app.server:create_app"]
        self._processes = [LitestarProcess(folder, [*app, "run", "--port", str(port)], by_http, 0)]
        for number, queue in enumerate(QUEUES, 1):
            arguments = [*app, "workers", "run", "--queues", queue]
            self._processes.append(LitestarProcess(folder, arguments, by_grpc, number))

    def wait_until_ready(self) -> None:
        wait_for(lambda: self._client.get("/health/ready").is_success, "the API is ready")

    def make_report(self, file: Path) -> str:
        """Have a report made of a file; return its trace."""
        headers = {"content-type": "text/csv"}
        sent: dict[str, Any] = self._client.post("/reports", content=file.read_bytes(), headers=headers).json()
        wait_for(
            lambda: self._client.get(f"/reports/{sent['id']}").json()["status"],
            "the report is complete",
            lambda status: status == "complete",
        )
        return str(sent["trace_id"])

    def fail_a_job(self) -> None:
        """Have a job fail, and be tried again before."""

        async def enqueue() -> Job | None:
            queue = Queue.from_url(self._redis_url, name="analysis")
            await queue.connect()
            job = await queue.enqueue(Job("analyse_column", kwargs={"no": "argument of it"}, retries=2))
            assert job is not None
            async with asyncio.timeout(30):
                while not job.completed:  # SAQ's own way to wait misses an end that comes just before it listens
                    await asyncio.sleep(0.05)
                    await job.refresh()
            await queue.disconnect()
            return job

        job = asyncio.run(enqueue())
        assert job is not None
        assert (job.status, job.attempts) == ("failed", 2)

    def end(self) -> None:
        """End all, whatever state they are in."""
        self._client.close()
        for process in self._processes:
            process.signal(signal.SIGTERM)
        for process in self._processes:
            wait_for(lambda process=process: process.code is not None, f"the end of {process.output[-2000:]}")
            process.kill()
