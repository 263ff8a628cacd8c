"""What operators watch of a job, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from tornado.web import RequestHandler

from .latency import Latency
from .local_server import LocalServer
from .runner import StreamRunner
from .sources import Source
from .state.checkpoint import JobFolder

PREFIX = "lstmwidgets_"

BOUNDS = tuple(step * 10.0**power for power in range(-4, 2) for step in (1, 2.5, 5))
"""Seconds, from a tenth of a millisecond to most of a minute."""


class JobMetrics(Collector):
    """Says how a job does, whenever it is asked; the job does nothing for it.

    It is asked in another thread, and only reads what the job has counted anyway.

    Parameters
    ----------
    runner : StreamRunner
        At work.
    source : Source
        What it reads.
    folder : JobFolder or None
        Where checkpoints are kept, if they are.
    keyed : bool
        Whether events have keys.

    Examples
    --------
    >>> from river.linear_model import LinearRegression
    >>> from lstmwidgets.streaming.sources import Columns, IterableSource
    >>> source = IterableSource([({"a": n}, 2.0 * n) for n in range(5)], Columns())
    >>> runner = StreamRunner(LinearRegression(), source)
    >>> metrics = JobMetrics(runner, source, None)
    >>> for _ in runner.run():
    ...     pass
    >>> [metric.samples[0].value for metric in metrics.collect() if metric.name.endswith("events")]
    [5]
    """

    def __init__(
        self,
        runner: StreamRunner,
        source: Source,
        folder: JobFolder | None,
        *,
        keyed: bool = False,
    ) -> None:
        self._runner = runner
        self._source = source
        self._folder = folder
        self._keyed = keyed

    def collect(self) -> Iterator[Metric]:
        """Yield what there is to tell."""
        yield from self._of_events()
        yield from self._of_late_targets()
        yield from self._of_keys()
        yield from self._of_source()
        if self._folder is not None:
            yield from self._of_checkpoints(self._folder)

    def _of_events(self) -> Iterator[Metric]:
        runner = self._runner
        about = {"source": self._source.name, "task": runner.task.name}
        yield InfoMetricFamily(f"{PREFIX}job", "What is predicted.", value=about)
        yield CounterMetricFamily(
            f"{PREFIX}events", "Events predicted, those before a restart too.", value=runner.events
        )
        yield _histogram(
            "latency", "From when an event came to when its prediction was written.", runner.latency
        )
        scores = _gauge("score", "How good predictions are, as the task counts it.", ("of",))
        for of, score in zip(("model", "baseline"), runner.scores.curve(), strict=True):
            if score is not None:
                scores.add_metric((of,), score)
        yield scores

    def _of_late_targets(self) -> Iterator[Metric]:
        if self._runner.waiting is not None:
            told = "Targets that came late, and events that wait for theirs, by what became of them"
            late = CounterMetricFamily(f"{PREFIX}late_targets", f"{told}.", labels=("outcome",))
            for outcome, count in self._runner.waiting.counts.items():
                late.add_metric((outcome,), count)
            yield late

    def _of_keys(self) -> Iterator[Metric]:
        serving = self._runner.serving
        keys = self._runner.keys if serving is None else serving.keys
        if self._keyed and keys is not None:
            yield _gauge("keys", "Keys that have come.", value=len(keys))
            yield _gauge("keys_in_memory", "Keys whose state is in memory.", value=keys.in_memory)

    def _of_source(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            f"{PREFIX}bad_records", "Records that could not be read.", value=self._source.skipped
        )
        for unit, count in self._source.lag.items():
            yield _gauge(f"source_lag_{unit}", f"Waiting in the source, {unit}.", value=count)

    def _of_checkpoints(self, folder: JobFolder) -> Iterator[Metric]:
        yield _histogram(
            "checkpoint", "From when a checkpoint was due to when it held.", folder.durations
        )
        if folder.age is not None:
            told = "Since the moment that the job would go on from."
            yield _gauge("checkpoint_age_seconds", told, value=folder.age)


class MetricsPage(LocalServer):
    """Serves metrics at ``/metrics`` on this machine, while a context lasts.

    Parameters
    ----------
    metrics : JobMetrics
        What it tells.
    port : int
        Where to listen; 0 takes a free one.

    Attributes
    ----------
    address : str
        With an oblique at its end, behind which ``metrics`` is to stand.

    Raises
    ------
    StreamError
        If the port is taken.
    """

    def __init__(self, metrics: JobMetrics, port: int) -> None:
        super().__init__(port, "--metrics-port")
        self._registry = CollectorRegistry()  # the global one has whatever else is at work here
        self._registry.register(metrics)
        ProcessCollector(registry=self._registry)

    def handlers(self) -> list[Any]:
        """Return what answers which path."""
        return [("/metrics", _Metrics, {"registry": self._registry})]


class _Metrics(RequestHandler):
    """What is told, in the format that is asked for."""

    def initialize(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def set_default_headers(self) -> None:
        """Say nothing of the server."""
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")

    def get(self) -> None:
        """Answer with what is so now."""
        encode, kind = choose_encoder(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", kind)
        self.finish(encode(self._registry))


def _gauge(
    name: str, told: str, labels: tuple[str, ...] | None = None, value: float | None = None
) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}{name}", told, value=value, labels=labels)


def _histogram(name: str, told: str, durations: Latency) -> HistogramMetricFamily:
    counts, seconds = durations.histogram(BOUNDS)
    buckets = [(f"{bound:g}", count) for bound, count in zip(BOUNDS, counts, strict=False)]
    return HistogramMetricFamily(
        f"{PREFIX}{name}_seconds", told, [*buckets, ("+Inf", counts[-1])], seconds
    )
