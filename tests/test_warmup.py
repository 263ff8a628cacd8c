"""Kernels are compiled ahead, once, and not without a word."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lstmwidgets import kernels
from lstmwidgets.kernels import compiled
from lstmwidgets.streaming.job.progress_bar import Pace

EVERYTHING = """
import numpy as np
import torch
from lstmwidgets import LSTM
from lstmwidgets.analysis import Condition, Pattern, PatternSearch, Recording
from lstmwidgets.kernels import COMPILING
from lstmwidgets.online import (
    FrozenRegressor, LSTMAnomalyDetector, LSTMClassifier, LSTMForecaster, LSTMRegressor,
    LSTMTextClassifier, StreamSlots,
)
from lstmwidgets.warmup import _parts

xs = [{"a": float(n), "b": n % 2 == 0, "c": "uv"[n % 2]} for n in range(6)]
xs[4]["d"] = 1.0
options = [{}, {"num_layers": 2, "optimizer": "sgd"}, {"optimizer": torch.optim.RMSprop}]
for cell, gradient in {(*part.args,) for part in _parts().values() if len(part.args) == 2}:
    for more in options:
        given = {"hidden_size": 5, "cell": cell, "gradient": gradient, "window": 3, **more}
        regressors = [LSTMRegressor(**given), LSTMRegressor(**given, experts=False, loss="squared")]
        forecaster, detector = LSTMForecaster(seasonality=3, **given), LSTMAnomalyDetector(**given)
        classifier, reader = LSTMClassifier(**given), LSTMTextClassifier(**given)
        alone = LSTMForecaster(**given, experts=False)
        for n, x in enumerate(xs):
            for regressor in regressors:
                regressor.predict_one(x), regressor.learn_one(x, n)
                regressor.step_one(x), regressor.observe_one(x, n)
                regressor.stream_from_bytes(regressor.stream_to_bytes())
            forecaster.learn_one(n, x), forecaster.forecast(2), forecaster.step_one()
            alone.learn_one(n, x), alone.forecast(2)
            detector.score_one(x), detector.learn_one(x), detector.step_one(x)
            classifier.predict_one(x), classifier.learn_one(x, n), classifier.step_one(x)
            reader.predict_one("a b"), reader.learn_one("a b", n), [*reader.read_one("b a")]
        StreamSlots(LSTMRegressor(**given), 2).predict_learn_many([0, 1] * 3, xs, range(6))
        FrozenRegressor(regressors[0], 2).observe_many([0, 1], xs[:2])
for cell in ("standard", "peephole", "full_gate_recurrence", "coupled", "layer_norm"):
    for dtype in (torch.float32, torch.float64):
        for layers in (1, 2):
            stepper = LSTM(3, 4, layers, cell=cell, dtype=dtype).stepper(2)
            stepper.step_many([0, 1, 1], np.ones((3, 3), np.float32))
            LSTM(3, 4, layers, cell=cell, dtype=dtype).stepper().step([1, 2, 3])
recording = Recording.from_trace(LSTM(3, 70, 2).trace(torch.randn(1, 9, 3)))
search = PatternSearch([recording, recording.tail(4)])
search.find(Pattern(2, 3, threshold=0.0, before=1), Condition("step"), order="length")
search.find(condition=Condition("step"))
print(COMPILING.kernels)
"""


def ran(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python command in a process of its own."""
    return subprocess.run(
        [sys.executable, *command],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_after_a_warm_up_nothing_is_left_to_compile() -> None:
    ran("-c", "from lstmwidgets.streaming.cli import main; main()", "warmup")
    done = ran("-c", EVERYTHING)
    assert done.stdout.split() == ["0"]
    assert "compiles" not in done.stderr


def test_compiling_is_announced_once_and_loading_is_not(tmp_path: Path) -> None:
    script = """
import numpy as np
from lstmwidgets import LSTM
from lstmwidgets.kernels import COMPILING
for dtype in ("float32", "float32"):
    LSTM(2, 3).stepper().step(np.zeros(2, dtype))
print(COMPILING.kernels, COMPILING.seconds > 0)
"""
    first = ran("-c", script, NUMBA_CACHE_DIR=str(tmp_path))
    second = ran("-c", script, NUMBA_CACHE_DIR=str(tmp_path))
    assert first.stdout.split() == ["1", "True"]
    assert first.stderr.count("lstmwidgets compiles its kernels for this machine") == 1
    assert "seconds" in first.stderr
    assert second.stdout.split() == ["0", "False"]
    assert second.stderr == ""


def test_a_change_in_a_file_of_kernels_concerns_what_depends_on_it(tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    shutil.copytree(Path(kernels.__file__).parent, folder)

    def hashes() -> dict[str, str]:
        return {path.stem: compiled._sources(path) for path in folder.glob("*.py")}

    def changed_by(name: str) -> set[str]:
        before = hashes()
        path = folder / f"{name}.py"
        path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
        return {name for name, digest in hashes().items() if digest != before[name]}

    assert changed_by("surprise") == {"surprise"}
    assert changed_by("experts") == {"experts", "horizons", "numbers"}
    assert {"step", "numbers", "classes", "surprise", "learner"} <= changed_by("step")
    assert "embeddings" not in changed_by("numbers")


def test_compiling_does_not_count_as_slow_events(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 25.0, 26.0])
    monkeypatch.setattr(
        "lstmwidgets.streaming.job.progress_bar.time.perf_counter", lambda: next(clock)
    )
    pace = Pace()
    pace.count()
    monkeypatch.setattr(kernels.COMPILING, "seconds", kernels.COMPILING.seconds + 14.0)
    pace.count()
    pace.count()
    assert pace.events_per_second == pytest.approx(1.0)
