"""The jobs of a report. Each can be run twice, or be cut off anywhere and run again: the report is the same.

A step stores what it made before it enqueues what follows. Of the columns' jobs whichever finds that all columns are
analysed enqueues the assembly; that may be more than one, and the assembly's key makes one of them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import trace

from litestar_saq import monitored_job
from reference_app.charts import draw_chart
from reference_app.reading import read_chunks
from reference_app.statistics import analyse
from reference_app.steps import analysis_step, assembly_step, enqueue_step
from reference_app.store import Store, store_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from saq.types import Context

    from litestar_saq import TaskQueues
    from reference_app.reading import Layout

__all__ = ("SourceLostError", "analyse_column", "assemble_report", "queues_of", "split_report")

logger = logging.getLogger(__name__)
_tracer = trace.get_tracer("reference_app")


class SourceLostError(Exception):
    """The uploaded data is not in the store any more."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@monitored_job()
async def split_report(ctx: Context, *, report_id: str) -> None:
    """Store the cells of each column, and enqueue a job for each.

    Raises:
        SourceLostError: where the file is gone.
    """
    queues = queues_of(ctx)
    store = store_of(queues)
    if not await store.start(report_id):
        logger.info("report %s has ended or expired, nothing to split", report_id)
        return
    file = await store.get_file(report_id)
    if file is None:
        raise SourceLostError
    with _tracer.start_as_current_span("split file", attributes={"file.bytes": len(file[0])}):
        await _store_columns(store, report_id, *file)
    await store.mark_split(report_id)
    steps = [analysis_step(report_id, index) for index in range(len(file[1].names))]
    await asyncio.gather(*(enqueue_step(queues, step) for step in steps))


@monitored_job()
async def analyse_column(ctx: Context, *, report_id: str, index: int) -> None:
    """Store a column's figures and chart, and enqueue the assembly where no other column is missing.

    Raises:
        SourceLostError: where the cells are gone.
    """
    queues = queues_of(ctx)
    store = store_of(queues)
    report = await store.get(report_id, columns=False)
    if report is None or report.ended:
        logger.info("report %s has ended or expired, nothing to analyse", report_id)
        return
    analysed = await store.analysed(report_id)
    done = len(analysed)
    if index not in analysed:
        chunks = await store.get_cells(report_id, index)
        with _tracer.start_as_current_span("analyse cells", attributes={"column.index": index, "rows": report.rows}):
            figures, chart = await asyncio.to_thread(_analyse, report.names[index], chunks, report.rows)
        done = await store.put_figures(report_id, index, figures, chart)
    if done == len(report.names):
        await enqueue_step(queues, assembly_step(report_id))


@monitored_job()
async def assemble_report(ctx: Context, *, report_id: str) -> None:
    """Complete a report whose columns are all analysed.

    Raises:
        SourceLostError: where a column's figures are gone.
    """
    store = store_of(queues_of(ctx))
    report = await store.get(report_id, columns=False)
    if report is None:
        logger.info("report %s has expired, nothing to assemble", report_id)
        return
    if not report.ended and report.done < len(report.names):
        raise SourceLostError
    await store.complete(report_id)


def queues_of(ctx: Context) -> TaskQueues:
    """Return every configured queue."""
    return cast("TaskQueues", cast("dict[str, Any]", ctx)["task_queues"])


async def _store_columns(store: Store, report_id: str, data: bytes, layout: Layout) -> None:
    chunks = enumerate(_encode_chunks(data, layout))
    # To read is a processor's work, to store is waiting: each where it keeps nobody from working.
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        await store.put_cells(report_id, *chunk)


def _encode_chunks(data: bytes, layout: Layout) -> Iterator[list[bytes]]:
    for columns in read_chunks(data, layout):
        yield [json.dumps(column, ensure_ascii=False).encode() for column in columns]


def _analyse(name: str, chunks: list[bytes], rows: int) -> tuple[dict[str, Any], bytes]:
    """Return the figures and the chart of a column; in a thread."""
    figures, bars = analyse(name, map(json.loads, chunks))
    if figures.count + figures.nulls != rows:
        raise SourceLostError
    return asdict(figures), draw_chart(name, bars, horizontal=figures.type == "string")
