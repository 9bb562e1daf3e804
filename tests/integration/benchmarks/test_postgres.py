"""`make bench-postgres` with few jobs: ours and SAQ, each in its environment, at one Postgres."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "benchmarks.postgres", "--jobs", "1500", "--rounds", "1", "--show")
pytestmark = pytest.mark.timeout(300)  # the first run makes an environment


def run(url: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "POSTGRES_URL": url, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    return subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_ours_and_saq_are_measured_on_postgres_and_it_is_left_empty(postgres_url: str) -> None:
    database = f"benchmark-{uuid.uuid4().hex[:12]}"
    name = Identifier(database)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(name))
        url = urlsplit(postgres_url)._replace(path=f"/{database}").geturl()
        try:
            page = (ROOT / "benchmarks" / "README.md").read_text()
            done = run(url)
            assert done.returncode == 0, done.stderr
            rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")]
            assert [row[1].strip() for row in rows] == ["", "litestar-saq, this one", "SAQ"]
            assert all(float(cell.replace(",", "")) > 0 for cell in rows[1][2:-1])
            assert (ROOT / "benchmarks" / "README.md").read_text() == page
            with psycopg.connect(url) as measured:
                assert measured.execute("SELECT count(*) FROM saq_jobs").fetchone() == (0,)
                measured.execute("INSERT INTO saq_jobs (key, job, queue, status) VALUES ('k', '', 'q', 'queued')")
            done = run(url)
            assert done.returncode == 1
            assert done.stderr.strip().endswith("it has to be one of its own")
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_where_there_is_no_postgres_it_says_so() -> None:
    done = run("postgresql://127.0.0.1:1/none")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "port 1 failed" in done.stderr
