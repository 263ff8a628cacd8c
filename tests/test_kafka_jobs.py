"""Jobs from and to Kafka that are killed, or stopped, and go on."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from .kafka_broker import KafkaBroker, client_of, consume, produce
from .test_checkpoint import (
    SENSORS,
    check_kills,
    kill_often,
    options,
    run,
    wait_for_checkpoint,
    write_readings,
    write_sensors,
)

NAMES = count()

KEYED: dict[str, object] = {**SENSORS, "key": "kafka.key", "drop": "sensor"}
"""The sensors' options, where the message's key says which one it is."""


@pytest.fixture
def sent(kafka_broker: KafkaBroker, tmp_path: Path) -> Callable[..., str]:
    """Return what sends so many readings or events of sensors, and returns the topic's URL."""

    def sent(write: Callable[[Path, int], Path], events: int) -> str:
        from confluent_kafka import Producer

        url = kafka_broker.topic(f"job-in-{next(NAMES)}")
        producer = Producer(client_of(url))
        with write(tmp_path / "rows.csv", events).open(newline="") as file:
            for n, row in enumerate(csv.DictReader(file)):
                value = {name: typed(name, cell) for name, cell in row.items() if cell}
                place = {"key": row.get("sensor", str(n % 10)), "timestamp": 1_700_000_000_000 + n}
                while True:
                    try:
                        producer.produce(url.rpartition("/")[2], json.dumps(value), **place)
                        break
                    except BufferError:
                        producer.poll(0.1)
        assert producer.flush(60) == 0
        producer.close()
        return url

    return sent


def typed(name: str, cell: str) -> Any:
    return float(cell) if name in ("load", "flow") else int(cell) if name == "number" else cell


def records(url: str) -> list[tuple[int, bytes | None, bytes]]:
    """Return number, key and value of each message of an exact sink, in order."""
    found = []
    for message in consume(url):
        number = int(dict(message.headers())["lstmwidgets.record"])
        found.append((number, message.key(), message.value()))
    return sorted(found)


def kills_to_kafka(
    broker: KafkaBroker, source: str, folder: Path, kills: int, **changed: object
) -> None:
    """Compare what a job sends that is killed so often with what one sends that is not."""
    outputs = {}
    for name, kinds in (("whole", 0), ("broken", kills)):
        out = outputs[name] = broker.topic(f"job-out-{next(NAMES)}")
        given = {**changed, "predictions": out}
        assert kill_often(source, folder / name, kinds, **given) == kinds
        done = run(options(source, folder / name, **given))
        assert done.returncode == 0, done.stderr
    if "at_least_once" in changed:
        whole, broken = (
            {json.loads(message.value())["id"]: message.value() for message in consume(url)}
            for url in outputs.values()
        )
        assert broken == whole
        assert len(list(consume(outputs["broken"]))) >= len(whole)
    else:
        whole, broken = records(outputs["whole"]), records(outputs["broken"])
        assert [number for number, _, _ in broken] == list(range(len(whole)))
        assert broken == whole


def test_a_killed_job_goes_on_with_a_kafka_topic(sent: Callable[..., str], tmp_path: Path) -> None:
    written = check_kills(sent(write_sensors, 15_000), tmp_path, kills=1, **KEYED)
    assert written.count(b"\n") > 15_000


def test_a_killed_job_sends_each_prediction_once(
    sent: Callable[..., str], kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    kills_to_kafka(kafka_broker, sent(write_sensors, 12_000), tmp_path, 1, **KEYED)


def test_a_killed_job_sends_each_prediction_at_least_once(
    sent: Callable[..., str], kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    source = sent(write_readings, 25_000)
    kills_to_kafka(kafka_broker, source, tmp_path, 1, at_least_once=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["readings", "sensors"])
def test_fifty_kills_over_kafka_leave_no_trace(
    sent: Callable[..., str], tmp_path: Path, kind: str
) -> None:
    if kind == "readings":
        check_kills(sent(write_readings, 300_000), tmp_path, kills=50)
    else:
        check_kills(sent(write_sensors, 100_000), tmp_path, kills=50, **KEYED)


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{}, {"at_least_once": True}], ids=["exact", "at least once"])
def test_fifty_kills_lose_and_repeat_no_message(
    sent: Callable[..., str],
    kafka_broker: KafkaBroker,
    tmp_path: Path,
    changed: dict[str, object],
) -> None:
    kills_to_kafka(kafka_broker, sent(write_readings, 300_000), tmp_path, 50, **changed)


def test_nothing_is_read_twice_after_a_clean_stop(
    sent: Callable[..., str], kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    source, out = sent(write_readings, 2_000), kafka_broker.topic(f"job-out-{next(NAMES)}")
    command = options(source, tmp_path, predictions=out)
    process = subprocess.Popen(
        [*command, "--follow"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wait_for_checkpoint(process, tmp_path)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 143, told
    for more in (0, 5):
        produce(source, [{"when": "2024-03-01", "load": 0.5, "shift": "day"}] * more)
        done = run(command)
        assert done.returncode == 0, done.stderr
        ids = [json.loads(value)["id"] for _, _, value in records(out)]
        assert ids == list(range(2_000 + more))
    assert "nothing to do" in run(command).stderr


def test_what_is_no_json_goes_to_the_dead_letters(sent: Callable[..., str], tmp_path: Path) -> None:
    source = sent(write_readings, 50)
    produce(source, [b"{no", None])
    letters = tmp_path / "dead.jsonl"
    ended = run(options(source, tmp_path / "a"))
    assert ended.returncode == 2
    assert "expected one JSON object" in ended.stderr
    done = run(options(source, tmp_path / "b", dead_letters=letters))
    assert done.returncode == 0, done.stderr
    assert "1 tombstone (messages without value) left out" in done.stderr
    (letter,) = map(json.loads, letters.read_text().splitlines())
    assert letter["raw"] == "{no"
    assert letter["source"] == source
    assert letter["place"].startswith("partition ")
