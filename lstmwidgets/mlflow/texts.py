"""A `SentimentModel` that answers: each row is a whole text."""

from __future__ import annotations

from typing import Any

from ..sentiment.model import SentimentModel
from .answering import Rows
from .columns import Column
from .labelled import label_type, labelled


class Texts:
    """A fitted classifier of texts; see `lstmwidgets.mlflow.answering.Answering`.

    Parameters
    ----------
    model : SentimentModel
        Fitted.
    """

    carries_state = False

    def __init__(self, model: SentimentModel) -> None:
        if not hasattr(model, "model_"):
            raise ValueError("the model has not learned anything yet; fit it first")
        self.columns = [Column("text", "string", "What a good film.", None, str)]
        self._kind = label_type(model.classes_.tolist())
        self.results = {"prediction": self._kind, "probabilities": "{double}"}
        self.params: dict[str, Any] = {}
        self._model = model

    def run(self, rows: Rows, state: None, **_: Any) -> tuple[Rows, None]:  # noqa: ARG002
        """Answer texts."""
        probabilities = self._model.predict_proba([row["text"] for row in rows])
        classes = self._model.classes_.tolist()
        return [
            labelled(dict(zip(classes, each, strict=True)), self._kind)
            for each in probabilities.tolist()
        ], None
