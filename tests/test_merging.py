"""Merged networks say the mean of what each says, and are one model for all else."""

from __future__ import annotations

import pytest
import torch

from lstmwidgets import load, save
from lstmwidgets.cells import CELLS
from lstmwidgets.models import SequenceModel
from lstmwidgets.online import from_model
from lstmwidgets.pooling import POOLINGS
from lstmwidgets.sentiment.merging import merged

TOKENS = torch.tensor([[3, 4, 5, 6, 0], [6, 7, 8, 1, 2], [2, 0, 0, 0, 0]])


def members(count: int = 3, **options) -> list[SequenceModel]:
    models = []
    for seed in range(count):
        torch.manual_seed(seed)
        given = {"task": "classification", "embedding_size": 3, "hidden_size": 4} | options
        models.append(SequenceModel(None, 2, vocabulary_size=9, **given).eval())
        models[-1].classes = ["no", "yes"]
        with torch.no_grad():
            for weight in models[-1].parameters():
                weight += 0.5 * torch.randn_like(weight)
            models[-1].embedding.weight[0] = 0
    return models


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "layer_norm"])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("layers", [1, 2])
def test_the_outputs_are_the_mean(cell, pooling, layers):
    models = members(cell=cell, pooling=pooling, num_layers=layers)
    mean = torch.stack([model(TOKENS)[0] for model in models]).mean(0)
    torch.testing.assert_close(merged(models)(TOKENS)[0], mean)


def test_a_merged_model_saves_loads_and_goes_online(tmp_path):
    one = merged(members(pooling="attention"))
    save(one, tmp_path / "one.safetensors")
    again = load(tmp_path / "one.safetensors")
    torch.testing.assert_close(again(TOKENS)[0], one(TOKENS)[0])
    stream = from_model(again)
    before = stream.predict_proba_one([3, 4, 5])["yes"]
    for _ in range(20):
        stream.learn_one([3, 4, 5], "yes")
    assert stream.predict_proba_one([3, 4, 5])["yes"] > before


def test_what_cannot_be_merged_is_told():
    with pytest.raises(ValueError, match="same options"):
        merged([*members(1), *members(1, hidden_size=5)])
    with pytest.raises(ValueError, match="layer-norm"):
        merged(members(cell="layer_norm"))
    with pytest.raises(ValueError, match="read numbers"):
        merged([SequenceModel(3), SequenceModel(3)])
    assert merged(alone := members(1, cell="layer_norm")) is alone[0]
    with pytest.raises(ValueError, match="attention_heads must divide hidden_size=4"):
        members(1, pooling="attention", attention_heads=3)
