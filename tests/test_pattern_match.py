"""PatternMatch: what one sets is checked, and pages are sent what the analysis has found."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lstmwidgets import LSTM, save
from lstmwidgets.analysis import Condition, Pattern, PatternSearch, Recording
from lstmwidgets.online import LSTMClassifier, LSTMRegressor
from lstmwidgets.widgets import LiveStream, PatternMatch, StateHeatmap

from .test_player import until

SENTENCE = "it was not the joy that the film was said to be but a joy to hear all the same ."
HEARD = 3 * SENTENCE.split()
TAGS = {"joy": "NOUN", "film": "NOUN", "was": "VERB", "said": "VERB", "be": "VERB", "hear": "VERB"}


def heard(seed: int = 0, units: int = 12) -> Recording:
    """Return what an LSTM of random weights did over words, with numbers and categories."""
    torch.manual_seed(seed)
    vocabulary = sorted(set(HEARD))
    lstm = LSTM(len(vocabulary), units)
    with torch.no_grad():
        for weight in lstm.parameters():
            weight.copy_(2 * torch.randn(weight.shape))
    places = torch.tensor([vocabulary.index(word) for word in HEARD])
    x = torch.nn.functional.one_hot(places, len(vocabulary)).float()
    recording = Recording.from_trace(lstm.trace(x[None]), HEARD)
    waves = np.sin(np.arange(len(HEARD)) / 3)
    return replace(
        recording,
        columns={"target": waves, "prediction": 0.9 * waves},
        categories={"part of speech": tuple(TAGS.get(word, "OTHER") for word in HEARD)},
    )


def unpacked(block: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return header and buffers, as a page reads them."""
    length = int(np.frombuffer(block, "<f8", 1)[0])
    header = json.loads(block[8 : 8 + length])
    ends = np.cumsum([8 + length, *header["sizes"]]).tolist()
    return header, [block[start:end] for start, end in pairwise(ends)]


def test_what_is_found_is_what_the_analysis_finds() -> None:
    recordings = [heard(), heard(1)]
    patterns = PatternMatch(recordings, threshold=0.5, brush=(12, 14))
    search = PatternSearch(recordings)
    assert patterns.brush == (0, 12, 14)
    assert patterns.matches == search.find(Pattern(12, 14, threshold=0.5)).matches
    patterns.before, patterns.side, patterns.order = 1, "magnitude", "length"
    pattern = Pattern(12, 14, threshold=0.5, before=1, side="magnitude")
    assert patterns.matches == search.find(pattern, order="length").matches
    patterns.text, patterns.least, patterns.most, patterns.shortest = "joy", 1, 3, 2
    options = {"order": "length", "least": 1, "most": 3, "shortest": 2}
    expected = search.find(pattern, Condition("joy"), **options)
    assert patterns.matches == expected.matches
    assert patterns.to_dataframe().equals(expected.to_dataframe())
    patterns.brush, patterns.text = None, ""
    patterns.column, patterns.between = "target", (0.5, None)
    expected = search.find(condition=Condition(column="target", low=0.5), **options)
    assert patterns.matches == expected.matches != ()
    patterns.between = None
    assert patterns.matches == ()
    with pytest.raises(ValueError, match="brush a range, or give a text or a column"):
        patterns.to_dataframe()
    patterns.close()


def test_pages_are_sent_matches_with_what_is_around_them() -> None:
    recordings = [heard(), heard(1)]
    patterns = PatternMatch(recordings, threshold=0.5, brush=(12, 14))
    matches = patterns.matches
    header, (counts, values) = unpacked(patterns._found)
    assert header["units"] == patterns.found.units.tolist()
    assert header["total"] == patterns.found.total
    assert header["words"] is True
    on = recordings[0].layers["cell"][:, 0][:, header["units"]] >= np.float32(0.5)
    np.testing.assert_array_equal(np.frombuffer(counts, "<f4"), on.sum(axis=1))
    assert [strip["match"] for strip in header["strips"]] == [
        None,
        *(match._asdict() for match in matches),
    ]
    names = [track["name"] for track in header["tracks"]]
    assert names == ["target", "prediction", "part of speech"]
    numbers, at = np.frombuffer(values, "<f8"), 0
    for strip in header["strips"]:
        source = recordings[strip["recording"]]
        steps = len(strip["labels"])
        rows = numbers[at : at + 4 * steps].reshape(4, steps)
        at += 4 * steps
        begin = strip["number"]
        places = slice(begin, begin + steps)
        assert begin + strip["at"] == (12 if strip["match"] is None else strip["match"]["first"])
        assert tuple(strip["labels"]) == source.labels[places]
        cells = source.layers["cell"][places, 0][:, header["units"]]
        np.testing.assert_array_equal(rows[0], (cells >= np.float32(0.5)).sum(axis=1))
        np.testing.assert_array_equal(rows[1], source.columns["target"][places])
        words = header["tracks"][2]["words"]
        assert [words[int(n)] for n in rows[3]] == list(source.categories["part of speech"][places])
    assert at == len(numbers)
    patterns.close()


def test_of_a_long_recording_a_part_is_drawn_where_the_range_is() -> None:
    random = np.random.default_rng(0)
    values = {name: random.normal(size=(5000, 1, 4)).astype("f4") for name in heard().layers}
    labels = tuple(f"step {n}" for n in range(5000))
    recording = Recording(values, labels, np.arange(5000))
    patterns = PatternMatch(recording)
    assert unpacked(patterns._whole)[0]["count"] == 1000
    patterns.brush = (3000, 3002)
    assert patterns.start == 2501
    header = unpacked(patterns._whole)[0]
    assert header["origin"] + header["next"] - 1 == 3500
    matches = patterns.matches
    patterns.start = 10_000
    assert patterns.start == 4000
    assert patterns.matches == matches
    found, (counts, _) = unpacked(patterns._found)
    assert found["drawn"] == [0, 4000]
    on = recording.layers["cell"][4000:, 0][:, found["units"]] >= np.float32(0.3)
    np.testing.assert_array_equal(np.frombuffer(counts, "<f4"), on.sum(axis=1))
    patterns.close()


def test_all_that_can_be_looked_through_is(tmp_path: Path) -> None:
    recording = heard()
    save(recording, tmp_path / "recording.safetensors")
    heatmap = StateHeatmap(recording)
    trace = LSTM(3, 8).trace(torch.randn(3, 5, 3))
    for source in (recording, tmp_path / "recording.safetensors", heatmap):
        patterns = PatternMatch(source)
        assert patterns.recordings[0].labels == recording.labels
        patterns.close()
    patterns = PatternMatch(trace, labels=["hello", "there", "again"])
    assert ["".join(each.labels) for each in patterns.recordings] == ["hello", "there", "again"]
    patterns.text = "e"
    found = [(match.recording, match.first) for match in patterns.matches]
    assert found == [(0, 1), (1, 2), (1, 4)]
    patterns.close()
    with pytest.raises(ValueError, match="labels must be a list for each of 3 sequences, got 2"):
        PatternMatch(trace, labels=["hello", "there"])
    with pytest.raises(ValueError, match="the list is empty"):
        PatternMatch([])
    with pytest.raises(TypeError, match="expected a Recording, a Trace"):
        PatternMatch(3)


def test_streams_are_read_when_they_rest() -> None:
    events = [({"a": math.sin(n)}, math.sin(n / 3)) for n in range(400)]
    live = LiveStream(LSTMRegressor(6, num_layers=2, seed=1), events, window=60)
    patterns = PatternMatch([live, heard(units=6)], threshold=0.01)
    assert [len(each) for each in patterns.recordings] == [0, len(HEARD)]
    with pytest.raises(ValueError, match="of events, and there are none"):
        patterns.brush = (0, 1)
    live.step(100)
    live.player.call(patterns.rest)
    assert patterns.recordings[0].steps[[0, -1]].tolist() == [40, 99]
    patterns.brush = (90, 92)
    search = PatternSearch([live.recording(), patterns.recordings[1]])
    found = search.find(Pattern(90, 92, layer=0, threshold=0.01))
    assert patterns.layer == 0  # as far up as all of them have layers
    assert patterns.matches == found.matches
    live.step(20)
    patterns.catch_up()
    assert patterns._gone_on
    patterns.renew()
    assert not patterns._gone_on
    assert patterns.brush == (0, 90, 92)
    assert (
        patterns.matches
        == PatternSearch(patterns.recordings).find(Pattern(90, 92, layer=0, threshold=0.01)).matches
    )
    live.step(100)
    patterns.renew()  # the range is no longer kept
    assert patterns.brush is None
    assert patterns.matches == ()
    patterns.close()
    live.close()


def test_it_rests_with_the_stream_it_follows() -> None:
    events = [({"a": float(n % 3)}, f"class {n % 3}") for n in range(60)]
    live = LiveStream(LSTMClassifier(4, seed=1), events)
    patterns = PatternMatch(live)
    live.step(30)
    until(lambda: len(patterns.recordings[0]) == 30)
    assert list(patterns.recordings[0].categories) == ["target", "prediction"]
    patterns.brush = (20, 20)
    assert patterns.matches is not None
    truth, prediction = unpacked(patterns._found)[0]["tracks"]
    assert truth["words"] == prediction["words"] == ["class 0", "class 1", "class 2"]
    patterns.brush = None
    patterns.text, patterns.column = "class 2", "target"
    assert [match.first % 3 for match in patterns.matches] == [2] * 10
    patterns.close()
    live.close()


def test_bad_input_says_what_to_do() -> None:
    patterns = PatternMatch([heard(), heard(1)])
    for name, value, message in (
        ("brush", (3,), "brush must be the first and the last step"),
        ("brush", (5, 3), "from 0 to 62, the first not after the last; got 5, 3"),
        ("brush", (2, 1, 3), "sequence must be from 0 to 1, got 2"),
        ("quantity", "gates", "quantity must be one of 'input_gate'"),
        ("side", "over", "side must be one of 'above', 'below', 'magnitude', got 'over'"),
        ("order", "best", "order must be one of 'overlap', 'length', got 'best'"),
        ("layer", 1, "layer must be from 0 to 0, or -1 for the top; got 1"),
        ("threshold", math.inf, "threshold must be a finite number, got inf"),
        ("before", 1.5, "before must be a number of steps, 0 or more, got 1.5"),
        ("least", 0, "least must be at least 1, got 0"),
        ("column", "speed", "column must be one of 'target', 'prediction', 'part of speech'"),
        ("between", (2, 1), "between must be two numbers, the smaller one first"),
        ("sequence", True, "sequence must be from 0 to 1, got True"),
        ("start", -1, "start must be a place, 0 or more, got -1"),
    ):
        kept = getattr(patterns, name)
        with pytest.raises((ValueError, TypeError), match=message):
            setattr(patterns, name, value)
        assert getattr(patterns, name) == kept
    patterns.close()
    with pytest.raises(TypeError, match="no such option: treshold; there are after, before"):
        PatternMatch(heard(), treshold=1)
    other = PatternMatch([heard(units=4), heard()], brush=(1, 2))
    assert other.matches == ()
    assert "equally large layers only, got layers of 4 and 12 units" in other.error
    with pytest.raises(ValueError, match="equally large layers only"):
        other.figure()
    other.text = "joy"
    other.brush = None  # words can be sought all the same
    assert len(other.matches) == 12
    assert not other.error
    other.close()


def test_a_figure_has_a_row_for_the_range_and_each_match() -> None:
    patterns = PatternMatch([heard(), heard(1)], threshold=0.5, brush=(12, 14))
    figure = patterns.figure(most=4)
    rows = figure.y_range.factors
    assert [row.strip() for row in rows] == ["4", "3", "2", "1", "range"]
    data = figure.select_one({"name": "cells"}).data
    for row, match in zip(rows[-2::-1], patterns.matches, strict=False):
        inside = [
            (x, label)
            for x, name, label in zip(data["x"], data["row"], data["label"], strict=True)
            if name == row and 0 <= x < match.length
        ]
        labels = patterns.recordings[match.recording].labels[match.first : match.last + 1]
        assert inside == list(enumerate(labels[:10]))  # more words do not fit
    patterns.brush, patterns.text = None, "joy"
    assert len(patterns.figure().y_range.factors) == 12
    patterns.close()
