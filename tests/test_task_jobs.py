"""A job of every task ends as if nothing had happened, killed or not, whatever the batches."""

from __future__ import annotations

from pathlib import Path

import pytest

from .task_jobs import JOBS, prepared
from .test_checkpoint import check_kills

BRIEFLY = ("classification, keys, late", "forecast", "anomaly", "text", "river, keys")
"""Of each task one, and one of River's; numbers of ours are killed in `test_checkpoint.py`."""


@pytest.mark.parametrize("name", BRIEFLY)
def test_a_killed_job_of_any_task_goes_on_to_the_same_end(name: str, tmp_path: Path) -> None:
    source, options = prepared(name, tmp_path, seconds=1)
    check_kills(source, tmp_path, kills=1, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_fifty_kills_of_any_task_leave_no_trace(name: str, tmp_path: Path) -> None:
    source, options = prepared(name, tmp_path, seconds=60)
    check_kills(source, tmp_path, kills=50, **options)
