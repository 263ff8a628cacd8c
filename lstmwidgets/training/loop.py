"""The loop of training: epochs one by one, in the consumer's hand, on Lightning's Fabric."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ..models import SequenceModel
from ..state import State
from . import checkpoints
from .batches import Batch, Sequences, batches
from .epochs import Epoch
from .fabric import make_fabric
from .loaders import loaded
from .memory import check_memory
from .objective import Objective
from .options import Options
from .progress import shown
from .sources import Source, prepare

EVALUATION = 4
"""How many times as many sequences are side by side in validation, which keeps no gates."""


LEARNED = ("classes", "features", "targets")
"""What a model knows of its data besides weights."""


class DivergedError(ValueError, FloatingPointError):
    """The loss has become NaN or infinite; the model has the best weights from before."""


class Loop:
    """A training that is run an epoch at a time.

    Parameters
    ----------
    model, data, targets, validation, target, seed, checkpoint, resume, progress
        As of `lstmwidgets.training.iter_fit`.
    **more
        The others of `lstmwidgets.training.iter_fit`.

    Attributes
    ----------
    epochs : list of Epoch
        Those that were run, before a resume too.
    stopped, trivial_loss
        As of `lstmwidgets.training.epochs.FitResult`.
    """

    def __init__(
        self,
        model: SequenceModel,
        data: Any,
        targets: Any,
        *,
        validation: Any,
        target: Any,
        seed: int | None,
        checkpoint: str | os.PathLike[str] | None,
        resume: bool,
        progress: bool,
        **more: Any,
    ) -> None:
        options = Options(**more)
        options.check(model)
        self.model = model
        self.options = options
        self._progress = progress
        self.epochs: list[Epoch] = []
        self.stopped = "epochs"
        self._checkpoint = checkpoint
        found = self._read_checkpoint(resume)
        self._seed = _seed(seed, found)
        self._fabric = make_fabric(options.device, options.precision, model)
        sources = prepare(
            model,
            data,
            targets,
            validation=validation,
            target=target,
            scale=options.scale,
            seed=self._seed,
        )
        if options.window is not None and not isinstance(sources.training, Sequences):
            raise ValueError("window= needs the series themselves, not a DataLoader's batches")
        if isinstance(sources.training, Sequences):
            place = self._fabric.device
            check_memory(model, sources.training, options.batch_size, options.window, place)
        self.trivial_loss = _trivial_loss(model, sources.training)
        self._identity = {"seed": self._seed, **options.plain(), **sources.describe()}
        self._training = self._placed(sources.training)
        held = sources.validation
        self._validation = None if held is None else self._placed(held)
        self._build()
        self._best: dict[str, Tensor] | None = None
        self._start = _copy(model)
        if found is not None:
            self._continue(found)
        elif checkpoint is not None:
            checkpoints.check(self._content())

    def run(self) -> Generator[Epoch]:
        """Yield each epoch at its end; leave the best weights in the model, whatever happens."""
        try:
            with shown(self.options.epochs, len(self.epochs), visible=self._progress) as show:
                while not self._finished():
                    epoch = self._epoch(len(self.epochs) + 1)
                    show(epoch)
                    yield epoch
        except (KeyboardInterrupt, GeneratorExit):
            self.stopped = self.stopped if self._finished() else "interrupted"
            raise
        except DivergedError:
            self._best = self._start if self._best is None else self._best
            raise
        finally:
            if self._best is not None:
                self.model.load_state_dict(self._best)
            vars(self.model.lstm).pop("forward", None)  # of `_compiled`
            self.model.eval()

    # --- before the first epoch -------------------------------------------------------------------

    def _read_checkpoint(self, resume: bool) -> dict[str, Any] | None:
        if self._checkpoint is None or not resume or not Path(self._checkpoint).exists():
            return None
        found = checkpoints.read(self._checkpoint)
        checkpoints.check_same(self._checkpoint, "model", found["config"], self.model.config)
        for name in LEARNED:
            if found[name] is not None and getattr(self.model, name) is None:
                setattr(self.model, name, found[name])
        return found

    def _placed(self, source: Source) -> Source:
        """Return sequences on the device, if a quarter of its free memory is enough."""
        device = self._fabric.device
        if not isinstance(source, Sequences) or device.type != "cuda":
            return source
        size = sum(part.numel() * part.element_size() for part in (source.x, source.y))
        return source.to(device) if size < torch.cuda.mem_get_info(device)[0] / 4 else source

    def _build(self) -> None:
        options, model, fabric = self.options, self.model, self._fabric
        y = self._training.y if isinstance(self._training, Sequences) else None
        weight = options.make_class_weight(model, y)
        objective = Objective(
            model, label_smoothing=options.label_smoothing, class_weight=weight
        ).to(fabric.device)
        self._optimizer = options.make_optimizer(objective)
        self._schedule = options.make_schedule(self._optimizer)
        self._module, self._stepping = fabric.setup(
            _compiled(objective) if options.compile else objective, self._optimizer
        )

    def _continue(self, found: dict[str, Any]) -> None:
        assert self._checkpoint is not None
        checkpoints.check_same(self._checkpoint, "options", found["identity"], self._identity)
        self.model.load_state_dict(found["model"])
        self._optimizer.load_state_dict(found["optimizer"])
        if self._schedule is not None:
            self._schedule.load_state_dict(found["schedule"])
        self._fabric.strategy.precision.load_state_dict(found["precision"])
        self._best = {name: each.to(self._fabric.device) for name, each in found["best"].items()}
        self.epochs = [Epoch(**one) for one in found["epochs"]]
        generator = getattr(self._training, "generator", None)
        if generator is not None:
            generator.set_state(found["loader"])

    # --- an epoch ---------------------------------------------------------------------------------

    def _finished(self) -> bool:
        patience = self.options.patience
        best = max((one.epoch for one in self.epochs if one.best), default=0)
        if patience is not None and len(self.epochs) - best >= patience:
            self.stopped = "early"
            return True
        return len(self.epochs) >= self.options.epochs

    def _epoch(self, number: int) -> Epoch:
        begin = perf_counter()
        lr = float(self._optimizer.param_groups[0]["lr"])
        with _random_numbers(self._seed, number, self._fabric.device) as generator:
            trained = self._train(generator)
            _check_finite("training", trained[0], number)
            held = None if self._validation is None else self._evaluate(self._validation)
        loss = trained[0] if held is None else held[0]
        _check_finite("validation", loss, number)
        lowest = min((one.loss for one in self.epochs), default=math.inf)
        if isinstance(self._schedule, ReduceLROnPlateau):
            self._schedule.step(loss)
        elif self._schedule is not None:
            self._schedule.step()
        epoch = Epoch(
            epoch=number,
            train_loss=trained[0],
            validation_loss=None if held is None else held[0],
            train_score=trained[1],
            validation_score=None if held is None else held[1],
            score_name="mean absolute error" if self.model.scales_targets else "accuracy",
            lr=lr,
            seconds=perf_counter() - begin,
            best=loss < lowest,
        )
        if epoch.best:
            self._best = _copy(self.model)
        self.epochs.append(epoch)
        if self._checkpoint is not None:
            checkpoints.write(self._checkpoint, self._content())
        return epoch

    def _train(self, generator: torch.Generator) -> tuple[float, float]:
        fabric, module, optimizer = self._fabric, self._module, self._stepping
        clip = self.options.clip
        totals = self._zeros()
        state: State | None = None
        module.train()
        for batch in self._batches(self._training, generator):
            loss, part, state = module(batch.x, batch.y, batch.lengths, _carried(state, batch))
            fabric.backward(loss)
            if clip is not None:  # a look for what is not finite would wait for the device
                fabric.clip_gradients(module, optimizer, max_norm=clip, error_if_nonfinite=False)
            optimizer.step()
            optimizer.zero_grad()
            totals += part
        return _means(totals)

    @torch.no_grad()
    def _evaluate(self, source: Source) -> tuple[float, float]:
        totals = self._zeros()
        state: State | None = None
        self._module.eval()
        for batch in self._batches(source, None):
            _, part, state = self._module(batch.x, batch.y, batch.lengths, _carried(state, batch))
            totals += part
        return _means(totals)

    def _batches(self, source: Source, generator: torch.Generator | None) -> Iterator[Batch]:
        device = self._fabric.device
        if isinstance(source, Sequences):
            sort = self.options.bucket or generator is None
            size = self.options.batch_size * (1 if generator is not None else EVALUATION)
            window = self.options.window
            for batch in batches(source, size, generator, sort=sort, window=window):
                yield batch.to(device)
        else:
            for batch in loaded(source, self.model):
                yield batch.to(device)

    def _zeros(self) -> Tensor:
        device = self._fabric.device
        precise = torch.float32 if device.type == "mps" else torch.float64
        return torch.zeros(4, dtype=precise, device=device)

    def _content(self) -> dict[str, Any]:
        """Return all that a training is after an epoch."""
        generator = getattr(self._training, "generator", None)  # of a DataLoader
        return {
            "config": self.model.config,
            **{name: getattr(self.model, name) for name in LEARNED},
            "identity": self._identity,
            "seed": self._seed,
            "epochs": [asdict(one) for one in self.epochs],
            "model": self.model.state_dict(),
            "best": self._best,
            "optimizer": self._optimizer.state_dict(),
            "schedule": None if self._schedule is None else self._schedule.state_dict(),
            "precision": self._fabric.strategy.precision.state_dict(),
            "loader": None if generator is None else generator.get_state(),
        }


def _compiled(objective: Objective) -> Any:
    """Return a compiled objective, around the standard cell's operator if that is in it.

    TorchInductor fails on PyTorch's own recurrent operators; Dynamo leaves `torch.nn.LSTM` out, but
    does not know that this is one.
    """
    lstm = objective.model.lstm
    if lstm.cell == "standard":
        apart: Any = torch.compiler.disable
        lstm.forward = apart(lstm.forward)  # type: ignore[method-assign]
    return torch.compile(objective)


@contextmanager
def _random_numbers(seed: int, epoch: int, device: torch.device) -> Iterator[torch.Generator]:
    """Give an epoch random numbers that depend on the seed and its number alone.

    Dropout has no generator of its own in PyTorch, so the global ones are seeded; they are put back
    afterwards, as if nobody had drawn from them.
    """
    words = np.random.SeedSequence([seed, epoch]).generate_state(2, np.uint64)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(int(words[0]) >> 1)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(int(words[0]) >> 1)
        yield torch.Generator().manual_seed(int(words[1]) >> 1)


def _carried(state: State | None, batch: Batch) -> State | None:
    """Return the state that a batch goes on from, cut off from the graph."""
    if state is None or batch.begins:
        return None
    return type(state)(*(part[:, : len(batch.x)].detach() for part in state))


def _check_finite(name: str, loss: float, epoch: int) -> None:
    if not math.isfinite(loss):
        raise DivergedError(
            f"the {name} loss became {loss} in epoch {epoch}; the model has the best weights from "
            "before. Try a smaller lr, or a smaller clip"
        )


def _means(totals: Tensor) -> tuple[float, float]:
    loss, weight, score, count = totals.tolist()
    if not count:
        raise ValueError("an epoch had no targets: the DataLoader gave no batches, or empty ones")
    return loss / weight, score / count


def _trivial_loss(model: SequenceModel, source: Source) -> float | None:
    """Return the loss of always giving the same answer, the mean or equal probabilities."""
    if not model.scales_targets:
        return math.log(model.output_size)
    if not isinstance(source, Sequences):
        return None
    return float(source.y.double().var(0, correction=0).mean())


def _copy(model: SequenceModel) -> dict[str, Tensor]:
    return {name: each.detach().clone() for name, each in model.state_dict().items()}


def _seed(seed: int | None, found: dict[str, Any] | None) -> int:
    if seed is not None:
        return seed
    if found is not None:
        return int(found["seed"])
    return int(torch.randint(2**31, ()))
