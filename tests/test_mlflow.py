"""MLflow keeps, loads and serves models: over HTTP come the numbers of the models themselves."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import numpy as np
import pytest
import torch

from lstmwidgets import SequenceModel, fit, load, predict
from lstmwidgets.files import opened
from lstmwidgets.online import LSTMAnomalyDetector, LSTMClassifier, LSTMForecaster, LSTMRegressor
from lstmwidgets.saving import to_bytes
from lstmwidgets.sentiment import SentimentModel

mlflow = pytest.importorskip("mlflow", reason="needs MLflow's own environment: make test-mlflow")
pd = pytest.importorskip("pandas")

from lstmwidgets.mlflow import autolog, load_model, log_model, save_model  # noqa: E402

pytestmark = [
    # MLflow and what it stands on warn of themselves.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred"),
]

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "mlflow.md"
TOO_LONG = 120.0

Event = tuple[dict[str, Any], Any]


def events(count: int = 120, seed: int = 0) -> list[Event]:
    random = np.random.default_rng(seed)
    made: list[Event] = []
    for n in range(count):
        x = {"a": float(random.normal()), "kind": "xyz"[n % 3]}
        made.append((x, 100 + 3 * x["a"] + "xyz".index(x["kind"])))
    return made


def regressor() -> LSTMRegressor:
    model = LSTMRegressor(hidden_size=6, seed=1)
    for x, y in events():
        model.learn_one(x, y)
    return model


def classifier() -> LSTMClassifier:
    model = LSTMClassifier(hidden_size=6, seed=1)
    for n, (x, _) in enumerate(events()):
        model.learn_one(x, "calm" if n % 4 else "wild")
    return model


def forecaster() -> LSTMForecaster:
    model = LSTMForecaster(hidden_size=6, seasonality=6, seed=1)
    for n in range(120):
        model.learn_one(float(10 + n % 6))
    return model


def sequence_model() -> SequenceModel:
    model = SequenceModel(2, 1, hidden_size=5)
    model.features = ["a", "b"]
    model.input_mean[:] = 1.0
    model.target_scale[:] = 7.0
    return model.eval()


def sentiment() -> SentimentModel:
    texts = ["so good", "I love it", "what a joy", "so bad", "I hate it", "what a mess"] * 5
    labels = (["positive"] * 3 + ["negative"] * 3) * 5
    options: dict[str, Any] = {"word_vectors": None, "hidden_size": 8, "epochs": 3, "members": 1}
    return SentimentModel(seed=1, **options).fit(texts, labels)


MODELS: dict[str, Callable[[], Any]] = {
    each.__name__: each for each in (regressor, classifier, forecaster, sequence_model, sentiment)
}


def whole(model: Any) -> tuple[Any, ...]:
    """Return all that a model is."""
    if hasattr(model, "expect_known_features"):
        model.expect_known_features(due=False)  # `load` asks for them
    _, content, tensors = opened(to_bytes(model), "the model")
    return content, {name: (each.shape, each.numpy().tobytes()) for name, each in tensors.items()}


def frame_of(stream: Sequence[Event], **more: Any) -> Any:
    """Return events as a call has them: each with the target of the one before."""
    frame = pd.DataFrame([x for x, _ in stream])
    return frame.assign(last_target=[None, *(y for _, y in stream[:-1])], **more)


def observed(model: LSTMRegressor, stream: Sequence[Event]) -> list[float]:
    """Return what `predict_one` says on a stream of its own."""
    alone = copy.deepcopy(model)
    alone.reset_stream()
    said = []
    for x, y in stream:
        said.append(alone.predict_one(x))
        alone.observe_one(x, y)
    return said


# --- kept and loaded --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return MLflow's database with nothing in it, which takes seconds to make."""
    made = tmp_path_factory.mktemp("database") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{made}").search_experiments()
    return made


@pytest.fixture(params=["file", "sqlite"])
def store(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """Let MLflow write into a folder, or into a database."""
    shutil.copy(database, tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uris = {"file": (tmp_path / "runs").as_uri(), "sqlite": f"sqlite:///{tmp_path}/mlflow.db"}
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uris[request.param])
    mlflow.set_experiment("tests")
    yield uris[request.param]
    mlflow.set_tracking_uri(before)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_logged_comes_back_whole_and_answers(store: str, name: str) -> None:
    model = MODELS[name]()
    before = whole(model)
    info = log_model(model, name, registered_model_name=name)
    assert whole(model) == before
    assert whole(load_model(info.model_uri)) == before
    assert whole(load_model(f"models:/{name}/1")) == before
    assert info.signature.inputs.has_input_names()
    served = mlflow.pyfunc.load_model(info.model_uri)
    example = served.input_example
    assert set(served.predict(example).columns) == set(info.signature.outputs.input_names())


def test_a_folder_is_loaded_and_nothing_in_it_is_a_pickle(tmp_path: Path) -> None:
    model = regressor()
    save_model(model, tmp_path / "flow")
    files = sorted(each.name for each in (tmp_path / "flow").iterdir())
    assert [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))] == []
    assert whole(load_model(tmp_path / "flow")) == whole(model)
    assert whole(load(tmp_path / "flow/model.safetensors")) == whole(model)
    with pytest.raises(ValueError, match="is not empty"):
        save_model(model, tmp_path / "flow")


def test_what_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"expected an LSTMRegressor, .* got LSTMAnomalyDetector"):
        save_model(LSTMAnomalyDetector(), tmp_path / "odd")
    for model in (LSTMRegressor(), SentimentModel()):
        with pytest.raises(ValueError, match="has not learned anything yet"):
            save_model(model, tmp_path / "new")
    labelled = LSTMClassifier(seed=1)
    labelled.learn_one({"a": 1.0}, None)
    with pytest.raises(ValueError, match="has not learned anything yet"):
        save_model(labelled, tmp_path / "unlabelled")
    labelled.learn_one({"a": 1.0}, frozenset("ab"))
    with pytest.raises(TypeError, match="frozenset"):
        save_model(labelled, tmp_path / "labels")
    named = LSTMRegressor(seed=1)
    named.learn_one({"sequence_id": 1.0}, 2.0)
    with pytest.raises(ValueError, match="cannot name the feature 'sequence_id'"):
        log_model(named)
    with pytest.raises(ValueError, match="max_sequences"):
        save_model(regressor(), tmp_path / "none", max_sequences=0)
    assert not any(tmp_path.iterdir())


def test_a_flavour_of_others_is_refused(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    other = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    mlflow.sklearn.save_model(other, tmp_path / "other", serialization_format="cloudpickle")
    with pytest.raises(ValueError, match="and not lstmwidgets"):
        load_model(tmp_path / "other")


@pytest.mark.skipif(not os.environ.get("OTHER_PYTHON"), reason="needs make test-mlflow OTHER=…")
def test_a_model_of_this_python_loads_in_another(tmp_path: Path) -> None:
    model, stream = regressor(), events(20, seed=3)
    save_model(model, tmp_path / "flow")
    frame_of(stream).to_json(tmp_path / "calls.json", orient="split")
    script = """
import io, json, pathlib, sys
import mlflow, pandas
served = mlflow.pyfunc.load_model("flow")
calls = pandas.read_json(io.StringIO(pathlib.Path("calls.json").read_text()), orient="split")
print(json.dumps([sys.version_info[:2], served.predict(calls)["prediction"].tolist()]))
"""
    other = os.environ["OTHER_PYTHON"]
    done = subprocess.run(
        [other, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    version, predictions = json.loads(done.stdout.splitlines()[-1])
    assert tuple(version) != sys.version_info[:2]
    np.testing.assert_allclose(predictions, observed(model, stream), rtol=1e-6)


# --- answered ---------------------------------------------------------------------------------


def test_a_forecaster_goes_on_with_each_value(tmp_path: Path) -> None:
    model = forecaster()
    save_model(model, tmp_path / "model")
    served = mlflow.pyfunc.load_model(tmp_path / "model")
    values = [float(10 + n % 6) for n in range(12)]
    answers = served.predict(pd.DataFrame({"last_target": values}), params={"horizon": 3})
    model.reset_stream()
    for value, forecast in zip(values, answers["forecast"], strict=True):
        model.observe_one(value)
        assert forecast == model.forecast(3)
    for horizon in (0, 10**9):
        with pytest.raises(mlflow.exceptions.MlflowException, match="horizon must be at"):
            served.predict(pd.DataFrame({"last_target": values}), params={"horizon": horizon})


def test_features_of_all_kinds_are_read_as_they_were_learned(tmp_path: Path) -> None:
    model = LSTMRegressor(hidden_size=4, seed=1)
    stream: list[Event] = []
    for n in range(80):
        x = {
            "on": n % 2 == 0,
            "at": datetime(2024, 3, 1 + n % 28, n % 24, 30),
            "day": date(2024, 1 + n % 12, 5),
            "clock": clock(n % 24, 15),
            "either": n if n % 2 else "none",
            7: float(n % 5),
        }
        stream.append((x, float(n % 24)))
    for x, y in stream[:60]:
        model.learn_one(x, y)
    save_model(model, tmp_path / "model")
    served = mlflow.pyfunc.load_model(tmp_path / "model")
    frame = frame_of(stream[60:]).rename(columns=str)
    frame["on"] = frame["on"].astype(float)
    frame["clock"] = frame["clock"].astype(str)
    frame["day"] = pd.to_datetime(frame["day"])
    assert served.predict(frame)["prediction"].tolist() == observed(model, stream[60:])
    frame["at"] = None
    without = [({**x, "at": None}, y) for x, y in stream[60:]]
    assert served.predict(frame)["prediction"].tolist() == observed(model, without)
    with pytest.raises(mlflow.exceptions.MlflowException, match="clock must be string, got 'noon'"):
        served.predict(frame.assign(clock="noon"))


def test_sequences_are_bounded_as_it_was_said(tmp_path: Path) -> None:
    save_model(regressor(), tmp_path / "model", max_sequences=2)
    start = frame_of(events(1)).assign(sequence_start=True)
    for options, known in (({}, 2), ({"model_config": {"max_sequences": 1}}, 1)):
        served = mlflow.pyfunc.load_model(tmp_path / "model", **options)
        for name in (1, 2, 3):
            served.predict(start.assign(sequence_id=name))
        goes_on = start.assign(sequence_start=False)
        for name in (3, 2, 1)[:known]:
            served.predict(goes_on.assign(sequence_id=str(name)))
        with pytest.raises(mlflow.exceptions.MlflowException, match="'1' has no state here"):
            served.predict(goes_on.assign(sequence_id="1"))


@pytest.mark.parametrize("labels", [(True, False), (3, 5), (("a", 1), ("b", 2))])
def test_labels_of_all_kinds_are_answered_and_read(tmp_path: Path, labels: Any) -> None:
    model = LSTMClassifier(hidden_size=4, seed=1)
    for n in range(40):
        model.learn_one({"a": float(n % 3)}, labels[n // 2 % 2])
    save_model(model, tmp_path / "model")
    served = mlflow.pyfunc.load_model(tmp_path / "model")
    plain = [each if type(each) in (bool, int) else str(each) for each in labels]
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, 0.0], "last_target": [None, *plain, None]})
    answers = served.predict(frame)
    model.reset_stream()
    for n, last in enumerate([None, *labels, None]):
        if n:
            model.observe_one({"a": float((n - 1) % 3)}, last)
        probabilities = model.predict_proba_one({"a": float(n % 3)})
        expected = {str(label): p for label, p in probabilities.items()}
        assert answers["probabilities"][n] == expected
        likeliest = max(probabilities, key=probabilities.__getitem__)
        assert answers["prediction"][n] == plain[labels.index(likeliest)]


def test_a_sequence_model_answers_each_step(tmp_path: Path) -> None:
    model = sequence_model()
    save_model(model, tmp_path / "model")
    served = mlflow.pyfunc.load_model(tmp_path / "model")
    x = np.random.default_rng(0).normal(size=(9, 2))
    frame = pd.DataFrame(x, columns=["a", "b"])
    every = [predict(model, x[None, : n + 1])[0] for n in range(9)]
    np.testing.assert_allclose(served.predict(frame)["prediction"], every, rtol=1e-5)
    said = []
    for n in range(9):
        call = frame[n : n + 1].assign(sequence_id="s", sequence_start=n == 0)
        said += served.predict(call)["prediction"].tolist()
    np.testing.assert_allclose(said, every, rtol=1e-5)


def test_texts_are_whole_sequences(tmp_path: Path) -> None:
    model = sentiment()
    save_model(model, tmp_path / "model")
    served = mlflow.pyfunc.load_model(tmp_path / "model")
    frame = pd.DataFrame({"text": ["so good", "a mess"]})
    answers = served.predict(frame)
    assert answers["prediction"].tolist() == model.predict(frame["text"].tolist()).tolist()
    expected = dict(zip(model.classes_, model.predict_proba(["a mess"])[0], strict=True))
    assert answers["probabilities"][1] == pytest.approx(expected)


@pytest.mark.parametrize("name", MODELS)
def test_what_the_server_runs_writes_the_same_answers_as_json(tmp_path: Path, name: str) -> None:
    from mlflow.pyfunc.scoring_server import invocations

    save_model(MODELS[name](), tmp_path / "model")
    served = mlflow.pyfunc.load_model(tmp_path / "model")
    calls = pd.concat([served.input_example] * 3, ignore_index=True)
    body: dict[str, Any] = {"dataframe_records": calls.to_dict("records")}
    params = {"horizon": 2} if name == "forecaster" else None
    if params:
        body["params"] = params
    schema = served.metadata.get_input_schema()
    answer = invocations(json.dumps(body), "application/json", served, schema)
    assert answer.status == 200
    expected = served.predict(calls, params=params).to_dict("records")
    assert json.loads(answer.response)["predictions"] == expected
    assert len({str(row) for row in expected}) == (1 if name == "sentiment" else 3)


# --- over HTTP --------------------------------------------------------------------------------


class Served:
    """A server of MLflow's on a free port of this machine."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process = process
        self.log = log
        self._open = build_opener(ProxyHandler({})).open

    def wait(self) -> None:
        """Wait until it answers."""
        until = time.monotonic() + TOO_LONG
        while True:
            try:
                self._open(f"{self.url}/ping", timeout=5).close()
                return
            except (URLError, OSError):
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < until, self.log.read_text()
                time.sleep(0.2)

    def call(self, body: Any) -> tuple[int, Any]:
        """Return status and answer of a call."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(f"{self.url}/invocations", data, {"Content-Type": "application/json"})
        try:
            with self._open(request, timeout=TOO_LONG) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    def predictions(self, records: list[dict[str, Any]]) -> list[Any]:
        status, answer = self.call({"dataframe_records": records})
        assert status == 200, answer
        return [row["prediction"] for row in answer["predictions"]]

    def refusal(self, records: Any) -> str:
        status, answer = self.call({"dataframe_records": records})
        assert status == 400, answer
        message: str = answer["message"]
        return message


def environment() -> dict[str, str]:
    """Return what a process of its own gets: MLflow's commands, and none of its settings here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return kept | {"PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def serving(command: list[str], port: int, folder: Path) -> Iterator[Served]:
    """Run a command of MLflow's, and end all that it has started."""
    log = folder / f"server-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        server = Served(port, process, log)
        server.wait()
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(TOO_LONG)


def server_of(folder: Path, name: str) -> Any:
    port = free_port()
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    command = ["mlflow", "models", "serve", "-m", name, *options, "--workers", "1"]
    return serving(command, port, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model in it."""
    made = tmp_path_factory.mktemp("served")
    save_model(regressor(), made / "flow")
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with server_of(folder, "flow") as server:
        yield server


def records(stream: Sequence[Event], **more: Any) -> list[dict[str, Any]]:
    lags = [None, *(y for _, y in stream[:-1])]
    return [x | {"last_target": lag} | more for (x, _), lag in zip(stream, lags, strict=True)]


def test_a_call_without_an_id_is_a_sequence_of_its_own(server: Served) -> None:
    stream = events(30, seed=5)
    expected = observed(regressor(), stream)
    for _ in range(2):
        assert server.predictions(records(stream)) == expected
    x = stream[0][0]
    assert server.predictions([x]) == server.predictions([x]) == expected[:1]
    frame = pd.DataFrame(records(stream))
    split = {"columns": [*frame], "data": frame.to_numpy().tolist()}
    split["data"][0][-1] = None
    status, answer = server.call({"dataframe_split": split})
    assert status == 200, answer
    assert [row["prediction"] for row in answer["predictions"]] == expected


def test_two_sequences_that_take_turns_do_not_disturb_each_other(server: Served) -> None:
    streams = {name: events(25, seed) for name, seed in (("left", 7), ("right", 8))}
    model = regressor()
    calls = {name: records(stream, sequence_id=name) for name, stream in streams.items()}
    said: dict[str, list[float]] = {name: [] for name in streams}
    for n in range(25):
        for name, rows in calls.items():
            flags = {"sequence_start": n == 0, "sequence_end": n == 24}
            said[name] += server.predictions([rows[n] | flags])
            server.predictions([rows[n] | {"sequence_id": "another", "sequence_start": True}])
    for name, stream in streams.items():
        assert said[name] == observed(model, stream)
        assert "has no state here" in server.refusal([calls[name][0]])


def test_sequences_may_come_mixed_in_a_call(server: Served) -> None:
    streams = {f"mixed {seed}": events(9, seed) for seed in (1, 2)}
    model = regressor()
    rows = [
        row | {"sequence_start": n == 0}
        for n, pair in enumerate(
            zip(*(records(s, sequence_id=name) for name, s in streams.items()), strict=True)
        )
        for row in pair
    ]
    said = server.predictions(rows)
    for place, stream in enumerate(streams.values()):
        assert said[place::2] == observed(model, stream)


def test_bad_input_gets_a_400_with_one_line(server: Served) -> None:
    good = events(1)[0][0]
    start = {"sequence_id": "odd", "sequence_start": True}
    assert server.refusal([good | {"sequence_start": True}]) == (
        "sequence_start is given without a sequence_id"
    )
    assert server.refusal([good | start, good | {"sequence_id": None}]).startswith(
        "sequence_id is missing in a row"
    )
    # What was refused has changed nothing: not even the row before has begun its sequence.
    assert "has no state here" in server.refusal([good | {"sequence_id": "odd"}])
    assert server.refusal([{"a": 1.0}]) == "the column 'kind' is missing"
    assert server.refusal([{"A": 1.0, "kind": "x"}, {}]) == "the column 'a' is missing"
    for flag in ("false", 3, [True]):
        message = server.refusal([good | {"sequence_id": "odd", "sequence_start": flag}])
        assert message == f"sequence_start must be true or false, got {flag!r}"
    for bad in ([{"a": "much", "kind": "x"}], 7, "text", [[]], [{}]):
        assert len(server.refusal(bad).splitlines()) == 1
    for body in (b"", b"{", b"[1]", b"\xff", b'{"rows": []}'):
        status, answer = server.call(body)
        assert status == 400
        assert "nput" in answer["message"].splitlines()[0]
    status, _ = server.call({"dataframe_records": [good], "params": {"horizon": 3}})
    assert status == 200  # MLflow warns of parameters that a model has not
    assert server.predictions([good]) == observed(regressor(), events(1))


def test_after_a_restart_the_states_are_gone_and_it_says_so(folder: Path) -> None:
    stream = events(6, seed=9)
    rows = records(stream, sequence_id="plant 3")
    with server_of(folder, "flow") as first:
        first.predictions([rows[0] | {"sequence_start": True}, *rows[1:3]])
    with server_of(folder, "flow") as second:
        message = second.refusal(rows[3:4])
        assert "\n" not in message
        assert message.startswith("sequence_id 'plant 3' has no state here")
        assert message.endswith("send sequence_start=true to begin anew")
        again = [rows[0] | {"sequence_start": True}, *rows[1:]]
        assert second.predictions(again) == observed(regressor(), stream)


# --- trainings --------------------------------------------------------------------------------


class Wrecker(torch.optim.SGD):
    """Leaves weights behind that are no numbers."""

    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data.fill_(float("nan"))


def train(epochs: int = 4, **options: Any) -> Any:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6, 1))
    model = SequenceModel(input_size=1, hidden_size=4, pooling="mean")
    options = {"validation": 0.25, "seed": 0, "progress": False} | options
    return fit(model, x, x.mean((1, 2)), epochs=epochs, lr=0.01, **options)


@pytest.fixture
def logging() -> Iterator[None]:
    autolog()
    yield
    autolog(disable=True)


def test_a_fit_is_a_run(store: str, logging: None) -> None:
    result = train()
    assert mlflow.active_run() is None
    run = mlflow.last_active_run()
    assert run.info.status == "FINISHED"
    assert run.data.params["hidden_size"] == "4"
    assert run.data.params["lr"] == "0.01"
    assert run.data.params["seed"] == "0"
    assert run.data.tags["verdict"] == result.verdict
    assert run.data.tags["stopped"] == "epochs"
    assert run.data.metrics["best_epoch"] == result.best_epoch
    client = mlflow.MlflowClient()
    for name in ("train_loss", "validation_loss"):
        history = client.get_metric_history(run.info.run_id, name)
        assert [one.step for one in history] == [1, 2, 3, 4]
        assert [one.value for one in history] == [getattr(each, name) for each in result.epochs]
    page = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/report.html")
    assert result.verdict.split(".")[0] in page.replace("&#x27;", "'")
    assert "Loss" in page
    (logged,) = mlflow.search_logged_models(output_format="list")
    assert whole(load_model(f"models:/{logged.model_id}")) == whole(result.model)


def test_a_fit_within_a_run_belongs_to_it(store: str, logging: None) -> None:
    with mlflow.start_run() as mine:
        train()
        assert mlflow.active_run().info.run_id == mine.info.run_id
    assert "verdict" in mlflow.get_run(mine.info.run_id).data.tags


def test_a_fit_that_fails_is_a_run_that_failed(store: str, logging: None) -> None:
    with pytest.raises(ValueError, match="loss"):
        train(optimizer=lambda weights, lr: Wrecker(weights, lr=lr))
    assert mlflow.last_active_run().info.status == "FAILED"


def test_when_mlflow_refuses_the_training_goes_on(
    store: str, logging: None, tmp_path: Path
) -> None:
    with mlflow.start_run() as mine:
        mlflow.log_param("hidden_size", "another")  # a parameter may not change
        with pytest.warns(UserWarning, match="MLflow has not got all of this training"):
            result = train()
    assert len(result.epochs) == 4
    assert "verdict" in mlflow.get_run(mine.info.run_id).data.tags


def test_nothing_is_logged_once_it_is_disabled(store: str) -> None:
    autolog()
    autolog()
    autolog(disable=True)
    train()
    assert mlflow.search_runs(output_format="list") == []
    autolog(log_models=False)
    try:
        train()
        assert len(mlflow.search_runs(output_format="list")) == 1
        assert mlflow.search_logged_models(output_format="list") == []
    finally:
        autolog(disable=True)


# --- the page ---------------------------------------------------------------------------------


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    page = PAGE.read_text()
    scripts = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    commands = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
    assert scripts
    for script in scripts:
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env=environment(),
            check=True,
            timeout=TOO_LONG * 3,
        )
    serve, *calls = commands
    port, said = free_port(), []
    with serving(serve.replace("5001", str(port)).split(), port, tmp_path):
        for call in calls:
            command = ["bash", "-c", call.replace("5001", str(port))]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
            said.append([row["prediction"] for row in json.loads(done.stdout)["predictions"]])
    model = load_model(tmp_path / "approval")
    polls = [({"gallup": 37.8, "ipsos": 38.2}, 37.9), ({"gallup": 38.1, "ipsos": 38.0}, None)]
    alone, first, second = said
    assert alone == first + second == observed(model, polls)
