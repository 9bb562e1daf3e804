"""What a profile of a worker is summed up to."""

from __future__ import annotations

import cProfile
import gc
import pstats
from typing import TYPE_CHECKING

import pytest

from benchmarks.peers.recorder import Recorder
from benchmarks.profiling import Profile, layer_of, summarize, table

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("file", "name", "layer"),
    [
        ("/x/site-packages/saq/job.py", "to_dict", "the queue and its worker"),
        ("/x/src/litestar_saq/worker.py", "start", "the queue and its worker"),
        ("/x/src/litestar_saq/telemetry/runs.py", "end", "telemetry: OpenTelemetry, structlog"),
        ("/x/opentelemetry/sdk/trace/__init__.py", "end", "telemetry: OpenTelemetry, structlog"),
        ("/x/redis/asyncio/client.py", "execute_command", "the Redis client"),
        ("~", "<built-in method hiredis.hiredis.pack_command>", "the Redis client"),
        ("/x/litestar/serialization/msgspec_hooks.py", "encode_json", "JSON"),
        ("~", "<built-in method builtins.isinstance>", "asyncio and what is built in"),
        ("/x/asyncio/tasks.py", "wait", "asyncio and what is built in"),
    ],
)
def test_a_function_belongs_to_a_layer(file: str, name: str, layer: str) -> None:
    assert layer_of(file, name) == layer


def test_a_profile_is_told_by_job() -> None:
    profile = cProfile.Profile()
    gc.disable()  # whoever listens to the collector would be recorded
    profile.enable()
    for _ in range(10):
        sorted([2, 1])
    profile.disable()
    gc.enable()
    told = summarize(pstats.Stats(profile), jobs=5)
    assert told.calls == pytest.approx(2, abs=0.5)
    [name] = [name for name, _, calls in told.functions if calls == 2]
    assert name == "built-in method builtins.sorted"
    assert sum(told.layers.values()) == pytest.approx(sum(own for _, own, _ in told.functions))


def test_tables_show_all_side_by_side() -> None:
    one = Profile({"JSON": 2.0}, 3, [("dumps (json/x.py)", 2.0, 1)])
    text = table({"SAQ": one, "ours": Profile({}, 1, [])})
    assert "| JSON " in text
    assert "| SAQ | ours |" in text
    assert "| `dumps (json/x.py)` | 2.0 |     1 |" in text


def test_jobs_are_recorded_from_the_first_to_the_last(tmp_path: Path) -> None:
    file = tmp_path / "profile"
    recorder = Recorder(2, 4, str(file))
    for number in range(1, 6):
        recorder.begun()
        sorted([number])
        assert file.exists() is (number >= 4)
    functions = {name: entry[1] for (_, _, name), entry in pstats.Stats(str(file)).stats.items()}  # type: ignore[attr-defined]
    assert functions["<built-in method builtins.sorted>"] == 2
