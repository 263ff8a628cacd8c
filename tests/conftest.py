"""Hypothesis draws the same in every run; all cells with weights; a browser; brokers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import settings

from lstmwidgets import LSTM

from .browser import Browser, Server, Tab, browser_tab, chromium, front_end, need_chromium
from .kafka_broker import KafkaBroker, need_kafka
from .redis_server import RedisServer, need_redis

# On tensors this small, two threads only wait for each other; so they do in processes of tests.
torch.set_num_threads(1)
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

settings.register_profile(
    "same_every_time", derandomize=True, database=None, deadline=None, max_examples=20
)
settings.load_profile("same_every_time")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try what fails in a browser once more: not all of what runs there is ours."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def make_lstm() -> Callable[..., LSTM]:
    """Return a function that makes an LSTM in float64 whose weights all matter.

    A fresh LSTM would not do: its normalisations are neutral, so a test could not see them.
    """

    def make(
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        cell: str = "standard",
        dropout: float = 0.0,
        dtype: torch.dtype = torch.float64,
        seed: int = 0,
    ) -> LSTM:
        lstm = LSTM(input_size, hidden_size, num_layers, cell=cell, dropout=dropout, dtype=dtype)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in lstm.named_parameters():
                centre = 1.0 if name.startswith("weight_norm") else 0.0
                drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
                weight.copy_(centre + 0.4 * drawn)
        return lstm

    return make


@pytest.fixture(scope="session")
def lab_server() -> Iterator[Server]:
    """Return a running JupyterLab, whose folder of notebooks is empty."""
    need_chromium()
    with front_end("lab") as server:
        yield server


@pytest.fixture
def lab(lab_server: Server) -> Iterator[Server]:
    """Return the JupyterLab of all tests; kernels end with the test that started them."""
    yield lab_server
    lab_server.end_kernels()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a browser for the tests of a file, each of which gets a profile of its own."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def tab(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Tab]:
    """Return an empty page that may not complain; its last look is kept in `screenshots/`."""
    with browser_tab(browser, width=1000, height=1600, counting=True) as tab:
        yield tab
        tab.screenshot(request.node.name)
        tab.check()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a running Redis server; every test takes streams of its own."""
    need_redis()
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Return a running Kafka broker; every test takes topics of its own."""
    need_kafka()
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker
