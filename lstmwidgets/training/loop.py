"""The loop of training: epochs one by one, in the consumer's hand, on Lightning's Fabric."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator
from dataclasses import asdict
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ..models import SequenceModel
from ..state import State
from . import checkpoints
from .agreement import check_alike, gathered
from .batch_log import BatchLog
from .batches import Batch, Sequences, Share, batches
from .epochs import Epoch
from .fabric import make_fabric
from .loaders import loaded
from .memory import check_memory
from .objective import Objective, compiled
from .options import Options
from .progress import shown
from .random_numbers import RandomNumbers
from .shares import in_step, set_epoch, split
from .sources import Source, prepare
from .steps import COUNT, LOSS, SCORES, STOPS, WEIGHT, Steps

EVALUATION = 4
"""How many times as many sequences are side by side in validation, which keeps no gates."""

LEARNED = ("classes", "features", "targets")
"""What a model knows of its data besides weights."""


class _ToldToStop(Exception):  # noqa: N818  # nothing is wrong
    """Ends an epoch in its midst."""


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
    share : Share
        Which process this is, of how many.
    seed : int
        What was given, or drawn.
    optimizer, schedule
        Those of PyTorch; the schedule may be None.
    log : BatchLog
        Of the epoch in progress, or the last one.
    rest_every : float or None
        Least seconds from one rest of `steps` after a batch to the next; None for no rests.
    is_told_to_stop : bool
        Whether it ends after the batch in progress.
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
        self._fabric = make_fabric(options, model)
        self.share = Share(self._fabric.global_rank, self._fabric.world_size, options.accumulate)
        self._progress = progress and not self.share.rank
        self.epochs: list[Epoch] = []
        self.stopped = "epochs"
        self.log = BatchLog()
        self.rest_every: float | None = None
        self.is_told_to_stop = self._in_epoch = False
        self._away = self._went_on = 0.0  # seconds that others had in an epoch, and the last time
        self._checkpoint = checkpoint
        found = self._read_checkpoint(resume)
        self._config = model.config if found is None else found["config"]
        self.seed = self._fabric.broadcast(_seed(seed, found))
        sources = prepare(
            model,
            data,
            targets,
            validation=validation,
            target=target,
            scale=options.scale,
            seed=self.seed,
            share=self.share,
            gather=partial(gathered, world=self.share.world),
        )
        if options.window is not None and not isinstance(sources.training, Sequences):
            raise ValueError("window= needs the series themselves, not a DataLoader's batches")
        if isinstance(sources.training, Sequences):
            place = self._fabric.device  # a CPU's memory is that of all processes of a node
            beside = self.share.world if place.type == "cuda" else options.num_nodes
            rows = Share(0, beside, options.accumulate).rows(options.batch_size)
            check_memory(model, sources.training, rows, options.window, place)
        self.trivial_loss = _trivial_loss(model, sources.training)
        self._identity = {"seed": self.seed, **options.plain(), **sources.describe()}
        also = {name: getattr(options, name) for name in ("epochs", "patience", "accumulate")}
        check_alike(gathered({**self._identity, **model.config, **also}, self.share.world))
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

    def steps(self) -> Generator[Epoch | None]:
        """Yield epochs, and None at rests; leave the best weights in the model in any case."""
        try:
            with shown(self.options.epochs, len(self.epochs), visible=self._progress) as show:
                while not self._finished(agreed=True):
                    epoch = yield from self._epoch(len(self.epochs) + 1)
                    show(epoch)
                    yield epoch
        except _ToldToStop:
            self.stopped = "interrupted"
        except (KeyboardInterrupt, GeneratorExit):
            self.stopped = self.stopped if self._finished() else "interrupted"
            raise
        except DivergedError:
            self._best = self._start if self._best is None else self._best
            raise
        finally:
            self._in_epoch = False
            if self._best is not None:
                self.model.load_state_dict(self._best)
            vars(self.model.lstm).pop("forward", None)  # of `compiled`
            self.model.eval()

    # --- before the first epoch -------------------------------------------------------------------

    def _read_checkpoint(self, resume: bool) -> dict[str, Any] | None:
        data = None
        if self._checkpoint is not None and resume and not self.share.rank:
            data = checkpoints.find(self._checkpoint)
        self._checkpoint, data = self._fabric.broadcast((self._checkpoint, data))
        if self._checkpoint is None or data is None:
            return None
        found = checkpoints.from_bytes(data, self._checkpoint)
        config = self.model.config
        if self.model.dropout == found.get("dropout"):  # which may have been changed on the way
            config["dropout"] = found["config"]["dropout"]
        checkpoints.check_same(self._checkpoint, "model", found["config"], config)
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
        self.optimizer = options.make_optimizer(objective)
        self.schedule = options.make_schedule(self.optimizer)
        module, optimizer = fabric.setup(
            compiled(objective) if options.compile else objective, self.optimizer
        )
        self._steps = Steps(fabric, module, optimizer, options)

    def _continue(self, found: dict[str, Any]) -> None:
        assert self._checkpoint is not None
        checkpoints.check_same(self._checkpoint, "options", found["identity"], self._identity)
        self.model.load_state_dict(found["model"])
        self.optimizer.load_state_dict(found["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(found["schedule"])
        self.model.set_dropout(found.get("dropout", self.model.dropout))
        self._fabric.strategy.precision.load_state_dict(found["precision"])
        self._best = {name: each.to(self._fabric.device) for name, each in found["best"].items()}
        self.epochs = [Epoch(**one) for one in found["epochs"]]
        generator = getattr(self._training, "generator", None)
        if generator is not None:
            generator.set_state(found["loader"])

    # --- an epoch ---------------------------------------------------------------------------------

    def _finished(self, *, agreed: bool = False) -> bool:
        """Say whether it is at its end; `agreed` by all processes, which then all have to ask."""
        patience = self.options.patience
        best = max((one.epoch for one in self.epochs if one.best), default=0)
        if patience is not None and len(self.epochs) - best >= patience:
            self.stopped = "early"
            return True
        if len(self.epochs) >= self.options.epochs:
            return True
        told = self.is_told_to_stop
        if agreed and self.share.world > 1:  # it may be told meanwhile, too late for this time
            told = self._steps.count(told) > 0
        if told:
            self.stopped = "interrupted"
        return told

    def _epoch(self, number: int) -> Generator[None, None, Epoch]:
        begin, self._away, self._in_epoch = perf_counter(), 0.0, True
        with RandomNumbers(self.seed, number, self._fabric.device, self.share.rank) as numbers:
            trained = yield from self._train(numbers, number)
            lr, dropout = self.lr, float(self.model.dropout)
            _check_finite("training", trained[0], number)
            held = None if self._validation is None else self._evaluate(self._validation)
        self._steps.module.eval()
        loss = trained[0] if held is None else held[0]
        _check_finite("validation", loss, number)
        lowest = min((one.loss for one in self.epochs), default=math.inf)
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(loss)
        elif self.schedule is not None:
            self.schedule.step()
        epoch = Epoch(
            epoch=number,
            train_loss=trained[0],
            validation_loss=None if held is None else held[0],
            train_score=trained[1],
            validation_score=None if held is None else held[1],
            score_name="mean absolute error" if self.model.scales_targets else "accuracy",
            lr=lr,
            seconds=perf_counter() - begin - self._away,
            best=loss < lowest,
            gradient_norm=float(self.log.read()[:, 1].mean()),
            dropout=dropout,
        )
        if epoch.best:
            self._best = _copy(self.model)
        self.epochs.append(epoch)
        self._in_epoch = False
        self.keep()
        return epoch

    def _train(
        self, numbers: RandomNumbers, epoch: int
    ) -> Generator[None, None, tuple[float, float]]:
        steps = self._steps
        totals, part = steps.zeros(), steps.zeros()
        states: list[State] = []
        self.log = BatchLog()
        steps.module.train()
        if not isinstance(self._training, Sequences):
            set_epoch(self._training, epoch)
        for parts in self._batches(self._training, numbers.generator):
            if self.share.world > 1 and float(part[STOPS]):  # of the batch before: no wait
                raise _ToldToStop
            loss, norm, part, states = steps.train(parts, states, self.is_told_to_stop)
            self.log.append(loss, norm)
            totals[: len(part)] += part
            yield from self._rest(numbers)
        return _means(totals)

    def _rest(self, numbers: RandomNumbers) -> Generator[None]:
        """Yield after a batch if it is time for it; end here if one is told to."""
        left = perf_counter()
        if self.rest_every is not None and left - self._went_on >= self.rest_every:
            with numbers.lent():
                yield None
            self._went_on = perf_counter()
            self._away += self._went_on - left
        if self.is_told_to_stop and self.share.world == 1:
            raise _ToldToStop

    def _evaluate(self, source: Source) -> tuple[float, float]:
        return _means(self._steps.evaluate(self._batches(source, None)))

    def _batches(self, source: Source, generator: torch.Generator | None) -> Iterator[list[Batch]]:
        device, share, steps = self._fabric.device, self.share, self._steps
        if isinstance(source, Sequences):
            sort = self.options.bucket or generator is None
            size = self.options.batch_size * (1 if generator is not None else EVALUATION)
            window = self.options.window
            found = batches(source, size, generator, sort=sort, window=window, share=share)
        else:
            own = loaded(source, self.model)
            if generator is not None and share.world > 1:
                own = in_step(own, steps.count, share.world)
            found = (split(batch, share.parts) for batch in own)
        for parts in found:
            yield [part.to(device) for part in parts]

    @property
    def lr(self) -> float:
        """Learning rate of the optimizer's first group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def keep(self) -> None:
        """Write the checkpoint, if there is one and no epoch is in progress."""
        if self.share.rank:
            return
        if self._checkpoint is not None and self.epochs and not self._in_epoch:
            checkpoints.write(self._checkpoint, self._content())

    def sample(self, most: int) -> Batch | None:
        """Return some sequences from the shortest to the longest; see `TrainingRun`."""
        source = self._training if self._validation is None else self._validation
        if not isinstance(source, Sequences):
            return None
        places = torch.linspace(0, len(source) - 1, min(most, len(source))).round().long()
        chosen = source.lengths.argsort(stable=True)[places]
        return source.batch(chosen).to(self._fabric.device)

    def _content(self) -> dict[str, Any]:
        """Return all that a training is after an epoch."""
        generator = getattr(self._training, "generator", None)  # of a DataLoader
        return {
            "config": self._config,
            "dropout": float(self.model.dropout),
            **{name: getattr(self.model, name) for name in LEARNED},
            "identity": self._identity,
            "seed": self.seed,
            "epochs": [asdict(one) for one in self.epochs],
            "model": self.model.state_dict(),
            "best": self._best,
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "precision": self._fabric.strategy.precision.state_dict(),
            "loader": None if generator is None else generator.get_state(),
        }


def _check_finite(name: str, loss: float, epoch: int) -> None:
    if not math.isfinite(loss):
        raise DivergedError(
            f"the {name} loss became {loss} in epoch {epoch}; the model has the best weights from "
            "before. Try a smaller lr, or a smaller clip"
        )


def _means(totals: Tensor) -> tuple[float, float]:
    every = totals.tolist()
    if not every[COUNT]:
        raise ValueError("an epoch had no targets: the DataLoader gave no batches, or empty ones")
    return every[LOSS] / (every[WEIGHT] or 1), every[SCORES] / every[COUNT]


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
