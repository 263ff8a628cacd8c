"""Every row of the table of faults in docs/streaming.md is held by tests; some of them are here."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from lstmwidgets.streaming import Columns, Job, JobResult, StreamError, job_model, run_job

ROOT = Path(__file__).parent.parent

HELD = {
    "a record that cannot be read": (
        "test_when_something_is_wrong.test_records_that_cannot_be_read_end_the_job_or_are_kept",
        "test_every_source.test_a_bad_record_is_handed_over_with_place_and_text",
        "test_odd_files.test_a_line_that_is_too_long_is_a_bad_record",
        "test_schema.test_ids_and_keys_may_not_be_missing",
    ),
    "a number is missing": ("test_when_something_is_wrong.test_what_is_missing_ends_no_job",),
    "a saved model (`--model`) has other features": (
        "test_values_in_streams.test_a_job_refuses_a_model_that_knows_other_features",
    ),
    "the day stands in one column": (
        "test_values_in_streams.test_the_same_hour_yesterday_reads_day_and_time_from_two_columns",
    ),
    "an event comes twice": (
        "test_when_something_is_wrong.test_an_event_that_comes_twice",
        "test_keys_and_late_targets.test_targets_out_of_order_and_out_of_bounds",
    ),
    "events out of order": (
        "test_when_something_is_wrong.test_events_are_taken_as_they_come",
        "test_keys_and_late_targets.test_targets_out_of_order_and_out_of_bounds",
    ),
    "new columns midway": (
        "test_when_something_is_wrong.test_new_columns_midway",
        "test_odd_files.test_a_header_in_the_middle_is_one_after_a_kill_too",
    ),
    "a column changes its type": (
        "test_when_something_is_wrong.test_records_that_cannot_be_read_end_the_job_or_are_kept",
        "test_schema.test_a_type_that_changes_is_named",
    ),
    "no `--target`": ("test_tasks.test_what_does_not_go_together_is_refused",),
    "an option of another task": ("test_tasks.test_what_does_not_go_together_is_refused",),
    "`--model` is for another task": ("test_tasks.test_a_task_refuses_models_for_others",),
    "`--model` names no such module": ("test_tasks.test_what_does_not_go_together_is_refused",),
    "a checkpoint with a pickle": (
        "test_tasks.test_a_pickle_in_a_folder_that_others_can_write_is_not_read",
    ),
    "a model of River's cannot take an event": (
        "test_when_something_is_wrong.test_what_a_model_raises_names_event_and_values",
    ),
    "a model of River's cannot be pickled": (
        "test_tasks.test_a_model_that_cannot_be_pickled_is_told",
    ),
    "a label where a number is learned": (
        "test_tasks.test_a_label_among_numbers_is_a_bad_record",
        "test_tasks.test_a_text_is_no_target_of_anomalies",
    ),
    "a target too late": (
        "test_keys_and_late_targets.test_targets_out_of_order_and_out_of_bounds",
    ),
    "a file vanishes": (
        "test_followed_files.test_a_file_that_vanishes_is_waited_for",
        "test_followed_files.test_a_renamed_file_is_read_to_its_end_and_then_the_new_one",
        "test_followed_files.test_a_file_that_is_lost_is_told",
    ),
    "a Redis stream is trimmed": (
        "test_redis_streams.test_only_entries_that_were_not_read_are_missed",
        "test_redis_streams.test_entries_that_are_removed_while_reading_are_missed",
    ),
    "messages of a Kafka topic": (
        "test_kafka_topics.test_messages_that_are_removed_unread_are_told",
    ),
    "a Kafka topic is another one": (
        "test_kafka_topics.test_another_topic_of_the_same_name_is_told",
        "test_kafka_topics.test_a_topic_that_was_removed_and_made_again_is_told",
    ),
    "a partition is added": ("test_kafka_topics.test_partitions_that_are_added_are_noticed",),
    "a message of Kafka has no value": (
        "test_kafka_topics.test_messages_that_cannot_be_read_are_told_or_left_out",
        "test_kafka_jobs.test_what_is_no_json_goes_to_the_dead_letters",
    ),
    "a broker does not answer": (
        "test_kafka_topics.test_a_broker_that_goes_away_loses_nothing",
        "test_kafka_topics.test_patience_ends",
        "test_redis_streams.test_a_server_that_dies_loses_no_prediction",
        "test_redis_streams.test_patience_ends",
    ),
    "`--predictions` or another option": (
        "test_checkpoint.test_another_job_is_refused_with_the_difference",
    ),
    "the disk is full": (
        "test_checkpoint.test_a_full_disk_ends_a_job_that_goes_on_when_there_is_room",
        "test_checkpoint.test_a_full_disk_leaves_the_last_checkpoint",
        "test_stream_command.test_an_output_that_cannot_be_written_is_refused_before_the_stream_starts",
    ),
    "the database is damaged": (
        "test_damage.test_a_flipped_bit_of_the_database_is_told_or_harmless",
        "test_outputs_kept.test_an_empty_or_unknown_database_is_refused",
    ),
    "a source has changed": (
        "test_changed_sources.test_a_byte_more_or_less_is_told",
        "test_changed_sources.test_a_file_that_has_grown_is_gone_on_with",
    ),
    "an output is another file": (
        "test_outputs_kept.test_an_output_that_another_process_writes_is_refused",
        "test_outputs_kept.test_an_output_of_another_job_is_not_gone_on_with",
    ),
    "an output or the folder": (
        "test_outputs_kept.test_a_folder_that_is_removed_meanwhile_is_told",
    ),
    "the file of `--model` has changed": (
        "test_outputs_kept.test_a_model_that_was_replaced_is_mentioned",
    ),
    "`--hidden-size`, `--window` or `--hot-keys`": (
        "test_when_something_is_wrong.test_what_memory_cannot_hold_is_refused",
    ),
    "a second process": (
        "test_checkpoint.test_a_second_runner_is_told_who_holds_the_folder",
        "test_checkpoint.test_another_job_is_refused_with_the_difference",
    ),
    "the port of `--live-port` or": (
        "test_live_page.test_the_command_names_the_page_once_and_ends",
        "test_metrics.test_a_port_that_is_taken_or_a_missing_package_is_told",
    ),
    "a slow sink": (
        "test_checkpoint.test_a_source_is_read_no_further_than_a_slow_sink_takes",
        "test_schema.test_an_async_iterable_waits_and_is_not_asked_too_far_ahead",
        "test_redis_streams.test_no_more_is_read_ahead_than_one_batch",
        "test_kafka_topics.test_a_partition_that_is_far_ahead_waits",
    ),
    "SIGTERM, Ctrl-C": (
        "test_checkpoint.test_sigterm_ends_a_job_that_then_goes_on",
        "test_stream_command.test_an_interrupt_completes_the_files_and_says_so",
        "test_stream_command.test_an_interrupt_before_the_first_event_says_so",
        "test_outputs_kept.test_sigterm_while_it_begins_leaves_no_files",
    ),
}
"""How each row begins, and the tests that hold it: module and function."""


def test_every_row_is_held_by_tests_that_there_are() -> None:
    page = (ROOT / "docs" / "streaming.md").read_text(encoding="utf-8")
    table = page.split("| what happens | what follows |")[1].split("\n\n")[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]
    beginnings = list(HELD)
    assert [row[: len(begin)] for row, begin in zip(rows, beginnings, strict=True)] == beginnings
    functions: dict[str, set[str]] = {}
    for name in {test for tests in HELD.values() for test in tests}:
        module, function = name.split(".")
        if module not in functions:
            tree = ast.parse((ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8"))
            functions[module] = {
                node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
            }
        assert function in functions[module], f"there is no {name}"


def ran(source: Path, columns: Columns | None = None, **options: Any) -> JobResult:
    columns = Columns("y") if columns is None else columns
    return run_job(Job(str(source), columns, hidden_size=4, seed=1, **options))


def lines(path: Path, *records: str) -> Path:
    path.write_text("\n".join(records) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ('{"a": 1, "y": 2}', "{broken", "JSON"),
        ('{"a": 1, "y": 2}', '{"a": "one", "y": 2}', "expected a number, got 'one'"),
        ('{"a": 1, "y": 2}', '{"a": [1], "y": 2}', "flatten it"),
    ],
)
def test_records_that_cannot_be_read_end_the_job_or_are_kept(
    tmp_path: Path, good: str, bad: str, said: str
) -> None:
    source = lines(tmp_path / "events.jsonl", good, good, bad, good)
    with pytest.raises(StreamError, match=r"line 3"):
        ran(source)
    assert ran(source, skip_bad_rows=True).unreadable == 1
    letters = tmp_path / "bad.jsonl"
    result = ran(source, dead_letters=letters)
    assert (result.events, result.unreadable) == (3, 1)
    (letter,) = read(letters)
    assert letter["raw"] == bad
    assert letter["place"].startswith("line 3")
    assert said in letter["problem"]


def test_what_is_missing_ends_no_job(tmp_path: Path) -> None:
    rows = [f"{n},{n}" for n in range(20)] + [",5", "nan,5", "inf,5", "3,", "3,nan", "3,inf", "4,4"]
    source = lines(tmp_path / "events.csv", "a,y", *rows)
    predictions = tmp_path / "p.jsonl"
    assert ran(source, predictions=str(predictions)).events == len(rows)
    records = read(predictions)
    assert [record["target"] for record in records[-7:]] == [5, 5, 5, None, None, None, 4]
    assert all(isinstance(record["prediction"], float) for record in records[2:])


@pytest.mark.parametrize(("id_", "events"), [("id", 3), (None, 4)])
def test_an_event_that_comes_twice(tmp_path: Path, id_: str | None, events: int) -> None:
    source = lines(tmp_path / "events.csv", "id,a,y", "1,1,1", "2,2,2", "1,1,1", "3,3,3")
    result = ran(source, Columns("y", id=id_))
    assert result.events == events
    if id_:
        assert result.late_targets is not None
        assert result.late_targets["repeated"] == 1


def test_events_are_taken_as_they_come(tmp_path: Path) -> None:
    hours = ("03", "01", "02", "23", "00")
    rows = [f"2024-01-01 {hour}:00:00,{n},{n}" for n, hour in enumerate(hours)]
    source = lines(tmp_path / "events.csv", "time,a,y", *rows)
    predictions = tmp_path / "p.jsonl"
    ran(source, Columns("y", time="time"), predictions=str(predictions))
    assert [record["target"] for record in read(predictions)] == list(range(5))


def test_new_columns_midway(tmp_path: Path) -> None:
    grows = lines(tmp_path / "e.jsonl", *['{"a": 1, "y": 2}'] * 3, '{"a": 1, "b": 3, "y": 2}')
    ran(grows, checkpoint=tmp_path / "job")
    assert list(job_model(tmp_path / "job").parts.encoder.columns) == ["'a'", "'b'"]
    wider = lines(tmp_path / "e.csv", "a,y", "1,2", "1,2", "1,3,2")
    with pytest.raises(StreamError, match=r"line 4.*3"):
        ran(wider)


def test_what_memory_cannot_hold_is_refused(tmp_path: Path) -> None:
    source = lines(tmp_path / "events.csv", "a,key,y", "1,k,2", "1,k,2")
    options: dict[str, Any] = {"hidden_size": 1_000_000, "window": 10**12, "hot_keys": 10**12}
    for name, value in options.items():
        columns = Columns("y", key="key") if name == "hot_keys" else Columns("y", drop=("key",))
        said = f"({name}|--{name.replace('_', '-')}).*GiB of memory at least.*choose smaller"
        given: Any = {"seed": 1, name: value}
        with pytest.raises((StreamError, ValueError), match=said):
            run_job(Job(str(source), columns, **given))


MODELS = """
from river.linear_model import LogisticRegression, LinearRegression
from river.preprocessing import StandardScaler
classes = LogisticRegression()
numbers = StandardScaler() | LinearRegression()
"""


@pytest.mark.parametrize(
    ("name", "rows", "options", "said"),
    [
        ("numbers", ("a,b,y", "1,x,2", "2,,3"), {}, "event 0: Pipeline raised .*'b': 'x'.*--drop"),
        ("classes", ("a,y", "fine,p", "bad,n"), {"task": "text", "text_column": "a"}, "event 0: "),
        ("classes", ("a,y", "1,p", ",n"), {}, "event 0: LogisticRegression raised .*target 'p'"),
    ],
)
def test_what_a_model_raises_names_event_and_values(
    tmp_path: Path, name: str, rows: tuple[str, ...], options: dict[str, Any], said: str
) -> None:
    code = tmp_path / "models.py"
    code.write_text(MODELS, encoding="utf-8")
    source = lines(tmp_path / "events.csv", *rows)
    job = Job(str(source), Columns("y"), model=f"{code}:{name}", **options)
    with pytest.raises(StreamError, match=said) as caught:
        run_job(job)
    assert isinstance(caught.value.__cause__, Exception)
