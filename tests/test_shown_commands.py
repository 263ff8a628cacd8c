"""Every command that README, front page, tour and reference of streams show runs as it stands.

Those of tutorial and guides, which bring the files that they need, are in test_guides.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from lstmwidgets import save
from lstmwidgets.online import LSTMRegressor

from .redis_server import RedisServer
from .test_guides import DOCS, blocks, run

ROOT = DOCS.parent
PAGES = [ROOT / "README.md", *(DOCS / f"{name}.md" for name in ("index", "tour", "streaming"))]
NOT_HERE = ("pip install", "lstmwidgets warmup")  # test_wheel.py and test_warmup.py run these
COMMENT = re.compile(r"\s+#.*$", re.MULTILINE)
ENDLESS = "--follow --live"
MODELS = """
from river.compose import SelectType
from river.linear_model import LinearRegression
from river.preprocessing import StandardScaler


def linear():
    return SelectType(int, float) | StandardScaler() | LinearRegression()


flow = linear()
"""


def commands() -> Iterator[Any]:
    """Yield each block of commands that a page shows, one a line."""
    for page in PAGES:
        for language, _, text in blocks(page):
            if language == "sh":
                lines = COMMENT.sub("", text).replace("\\\n", " ").splitlines()
                lines = [line for line in lines if line and not line.startswith(NOT_HERE)]
                if lines:
                    yield pytest.param(lines, id=f"{page.stem}, {lines[0]}")


def settings() -> list[str]:
    """Return the job file and the file of models that the reference of streams shows."""
    found = blocks(DOCS / "streaming.md")
    return [text for language, _, text in found if language == "toml"]


@pytest.fixture
def folder(tmp_path: Path, redis_server: RedisServer) -> Path:
    """Return a folder with the files that the commands read; their data are drawn."""
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(300, 2)).round(3).tolist()
    places = ["north", "east", "south"]
    rows = [
        f"{a},{b},{'open' if a > 0 else 'shut'},{places[n % 3]},fine,{n}"
        for n, (a, b) in enumerate(numbers)
    ]
    (tmp_path / "readings.csv").write_text(
        "\n".join(['level,flow,state,sensor,note,"flow, l/s"', *rows, ""])
    )
    sensors = [
        {"number": n, "sensor": places[n % 3], "head": a, "level": b}
        for n, (a, b) in enumerate(numbers)
    ]
    (tmp_path / "sensors.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in sensors))
    reviews = [
        f"{'so good' if n % 2 else 'so bad'},{'positive' if n % 2 else 'negative'}"
        for n in range(60)
    ]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *reviews, ""]))
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "job.toml").write_text(settings()[-1])
    model = LSTMRegressor(8, seed=1)
    model.learn_one({"head": 1.0}, 1.0)
    save(model, tmp_path / "trained.safetensors")
    with redis.Redis.from_url(redis_server.url("")) as client:
        client.delete("sensors", "levels")
        for each in sensors:
            client.xadd("sensors", each)
    return tmp_path


@pytest.mark.parametrize("lines", list(commands()))
def test_commands_that_a_page_shows_run(
    lines: list[str], folder: Path, redis_server: RedisServer
) -> None:
    for line in lines:
        here = line.replace("redis://localhost:6379/0/", redis_server.url(""))
        run(here.replace("tail -n +1 -f", "tail -n +1"), folder, interrupt=ENDLESS in line)
        made = re.findall(r"(?:--report|--predictions|--recording) (\S+)", here)
        assert all((folder / path).exists() for path in made if "://" not in path), here


def test_a_job_file_that_a_page_shows_runs(folder: Path) -> None:
    (folder / "job.toml").write_text(settings()[0])
    run("lstmwidgets stream job.toml", folder, interrupt=False)
    assert (folder / "job").is_dir()
