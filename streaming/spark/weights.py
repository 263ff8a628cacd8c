"""The weights that micro-batches learn from, in a folder beside Spark's own checkpoint."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lstmwidgets.files import atomic_write

from ..errors import StreamError

FOLDER, IDENTITY, SUFFIX = "lstmwidgets", "job.json", ".safetensors"
"""Names in a query's checkpoint folder: of ours in it, of what the job is, and how weights end."""

KEPT = 100
"""Weights of so many micro-batches stay, as Spark keeps as many of its own."""


class Identity(msgspec.Struct, frozen=True):
    """What has to stay as it is for as long as a checkpoint lasts.

    Attributes
    ----------
    buckets, learners : int
        How many there are.
    shared : bool
        Whether all keys learn the same weights.
    model : str
        Hash of the model that it began with.
    version : int
        Of the form of the states.
    """

    buckets: int
    learners: int
    shared: bool
    model: str
    version: int = 1

    def check(self, kept: Identity) -> None:
        """Raise unless a checkpoint's identity is this one."""
        if kept.version != self.version:
            raise StreamError(
                f"the checkpoint is of form {kept.version}, this version of lstmwidgets reads "
                f"{self.version}; go on with the version that wrote it, or begin with a new one"
            )
        for name in ("shared", "buckets", "learners"):
            there, here = getattr(kept, name), getattr(self, name)
            if there != here:
                raise StreamError(
                    f"the checkpoint was begun with {name}={there}, got {name}={here}: keys would "
                    f"lose their states; go on with {name}={there}"
                )
        if kept.model != self.model:
            raise StreamError(
                "the checkpoint was begun with another model; go on with that, or begin with a new "
                "checkpoint"
            )


class WeightsFolder:
    """Weights by micro-batch: a batch reads the newest that no later batch has written.

    So a batch that is run again reads what it read before, and writes the same anew.

    Parameters
    ----------
    checkpoint : path
        The query's checkpoint folder, which driver and workers see by the same name.
    """

    def __init__(self, checkpoint: str | Path) -> None:
        self.path = Path(checkpoint).absolute() / FOLDER

    def begin(self, identity: Identity, model: bytes | None = None) -> None:
        """Write what the job is and what it begins with, or check that it is what is there.

        Without a model nothing is learned, and states that are there already are checked as they
        are read.

        Raises
        ------
        StreamError
            If the folder is another job's, or queries have run there without one.
        """
        file = self.path / IDENTITY
        if file.exists():
            identity.check(msgspec.json.decode(file.read_bytes(), type=Identity))
        elif model is not None and (self.path.parent / "offsets").exists():
            raise StreamError(
                f"{self.path.parent} is the checkpoint of another query; name a folder of its own"
            )
        else:
            if model is not None:
                self.write(0, model)
            with atomic_write(file) as beside:
                beside.write_bytes(msgspec.json.encode(identity))

    def read(self, batch: int) -> bytes:
        """Return the weights that a micro-batch learns from."""
        found = [number for number in self._numbers() if number <= batch]
        if not found:
            raise StreamError(
                f"{self.path} has no weights for batch {batch}; restore the folder, with the "
                "checkpoint that it is in, or begin with a new one. Workers need to see it too"
            )
        return self._file(max(found)).read_bytes()

    def newest(self) -> bytes:
        """Return the weights that were written last."""
        return self.read(max(self._numbers(), default=0))

    def write(self, number: int, weights: bytes) -> None:
        """Write the weights that a micro-batch is to learn from; forget what is very old."""
        with atomic_write(self._file(number)) as beside:
            beside.write_bytes(weights)
        for old in sorted(self._numbers())[:-KEPT]:
            self._file(old).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self.path / f"{number}{SUFFIX}"

    def _numbers(self) -> list[int]:
        names = [path.name.removesuffix(SUFFIX) for path in self.path.glob(f"*{SUFFIX}")]
        return [int(name) for name in names if name.isdecimal()]
