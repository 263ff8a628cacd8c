"""Mutants of a part of the code: single small changes, of which the tests should notice each.

cosmic-ray makes the changes, in a clone of what is committed; a sample of them is drawn by a seed,
without those that nothing could notice: in annotations, which nothing runs, and `==` for `is`. What
survives is printed with the change. Kernels run without compilation (NUMBA_DISABLE_JIT), so that a
change is one of the code that runs.

    .venv/bin/python -m scripts.mutants codec --sample 200 --report out/mutants-codec.md
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shlex
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Part:
    """Code to be changed, and the tests that are asked.

    Attributes
    ----------
    modules, tests : tuple of str
        Paths below the repository.
    compiled : bool
        Whether Numba compiles.
    seconds : int
        After how many a run of the tests has hung, which is noticed as well.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    compiled: bool = True
    seconds: int = 240


PARTS = {
    "kernels": Part(
        ("lstmwidgets/kernels",),
        (
            *("tests/test_stepper.py", "tests/test_learner_gradients.py", "tests/test_merging.py"),
            *("tests/test_experts.py", "tests/test_class_experts.py", "tests/test_season.py"),
            *("tests/test_horizons.py", "tests/test_quantiles.py", "tests/test_least_squares.py"),
            *("tests/test_views.py", "tests/test_online_regressor.py"),
        ),
        compiled=False,
        seconds=600,
    ),
    "codec": Part(
        ("lstmwidgets/codec.py",),
        ("tests/test_codec.py", "tests/test_saving.py", "tests/test_mutated_models.py"),
    ),
    "checkpoint": Part(
        ("streaming/state/checkpoint.py", "streaming/state/cold.py", "streaming/state/database.py"),
        (
            *(
                "tests/test_checkpoint.py",
                "tests/test_damage.py",
                "tests/test_spread_checkpoints.py",
            ),
            "tests/test_keys_and_late_targets.py",
        ),
    ),
}


def main(words: list[str] | None = None) -> int:
    """Run mutants of a part; return 1 if some survive."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--sample", type=int, default=200, help="how many; 200 unless told")
    parser.add_argument("--seed", type=int, default=0, help="which; 0 unless told")
    parser.add_argument("--tests", action="store_true", help="say which tests are asked, no more")
    parser.add_argument("--report", type=Path, help="file for the survivors, in Markdown")
    given = parser.parse_args(words)
    if given.tests:
        print(*PARTS[given.part].tests)
        return 0
    with tempfile.TemporaryDirectory() as place:
        results = run(PARTS[given.part], Path(place), given.sample, given.seed)
    text = report(given.part, given.seed, results)
    print(text)
    if given.report is not None:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        given.report.write_text(text, encoding="utf-8")
    return int(any(result.survived for result in results))


@dataclass(frozen=True)
class Result:
    """What became of a mutant.

    Attributes
    ----------
    outcome : str
        As cosmic-ray says it: killed, survived, incompetent.
    where : str
        File and line.
    diff : str
        The change.
    """

    outcome: str
    where: str
    diff: str

    @property
    def survived(self) -> bool:
        """Whether no test has noticed it."""
        return self.outcome == "survived"


def run(part: Part, place: Path, sample: int, seed: int) -> list[Result]:
    """Draw mutants, and ask the tests about each.

    Parameters
    ----------
    part : Part
    place : Path
        An empty folder, for the clone.
    sample : int
        How many there are to be at most.
    seed : int
        Which ones.

    Raises
    ------
    RuntimeError
        If the tests fail without any change.
    """
    clone, session, config = place / "clone", place / "session.sqlite", place / "mutants.toml"
    subprocess.run(["git", "clone", "--quiet", "--local", str(ROOT), str(clone)], check=True)
    config.write_text(_config(part), encoding="utf-8")
    env = _environment(clone, part)
    if subprocess.run(shlex.split(_asked(part)), cwd=clone, env=env, check=False).returncode:
        raise RuntimeError("the tests fail without any change")
    for words in (["init"], ["exec"]):
        command = [sys.executable, "-m", "cosmic_ray.cli", *words, str(config), str(session)]
        subprocess.run(command, cwd=clone, env=env, check=True)
        if words == ["init"]:
            _draw(session, clone, sample, seed)
    return _results(session)


def report(part: str, seed: int, results: list[Result]) -> str:
    """Return what became of the mutants, as Markdown."""
    counts = Counter(result.outcome for result in results)
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    lines = [f"# Mutants of the {part}", "", f"{len(results)}, drawn by seed {seed}: {told}.", ""]
    for result in results:
        if result.survived:
            lines += [f"## {result.where}", "", "```diff", result.diff.strip(), "```", ""]
    return "\n".join(lines)


def _asked(part: Part) -> str:
    options = "-x -q -p no:cacheprovider -p no:randomly --hypothesis-seed=0"
    return shlex.join([sys.executable, "-m", "pytest", *shlex.split(options), *part.tests])


def _config(part: Part) -> str:
    return (
        f"[cosmic-ray]\nmodule-path = {json.dumps(part.modules)}\ntimeout = {part.seconds}.0\n"
        f"excluded-modules = []\ntest-command = {json.dumps(_asked(part))}\n"
        '[cosmic-ray.distributor]\nname = "local"\n'
    )


def _environment(clone: Path, part: Part) -> dict[str, str]:
    more = {"PYTHONPATH": str(clone), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **more, **({} if part.compiled else {"NUMBA_DISABLE_JIT": "1"})}


def _draw(session: Path, clone: Path, sample: int, seed: int) -> None:
    """Leave a sample of the mutants in the session, of those that could be noticed."""
    with sqlite3.connect(session) as database:
        specs = database.execute(
            "SELECT job_id, module_path, start_pos_row, start_pos_col FROM mutation_specs "
            "WHERE operator_name NOT LIKE '%ComparisonOperator_Is_Eq' "
            "AND operator_name NOT LIKE '%ComparisonOperator_IsNot_NotEq' "
            "ORDER BY module_path, start_pos_row, start_pos_col, operator_name, occurrence"
        ).fetchall()
        spans = {path: _annotations(clone / path) for path in {spec[1] for spec in specs}}
        usable = [
            job
            for job, path, row, column in specs
            if not any(begin <= (row, column) < end for begin, end in spans[path])
        ]
        chosen = random.Random(seed).sample(usable, min(sample, len(usable)))
        for table in ("mutation_specs", "work_items"):
            marks = ", ".join("?" * len(chosen))
            database.execute(f"DELETE FROM {table} WHERE job_id NOT IN ({marks})", chosen)
    database.close()


Place = tuple[int, int]


def _annotations(path: Path) -> list[tuple[Place, Place]]:
    """Return where the annotations of a module are: lines from 1, columns from 0."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign | ast.arg):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.returns)
    return [
        ((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0))
        for each in found
        if each is not None
    ]


def _results(session: Path) -> list[Result]:
    asked = (
        "SELECT test_outcome, worker_outcome, module_path, start_pos_row, diff "
        "FROM work_results JOIN mutation_specs USING (job_id) ORDER BY module_path, start_pos_row"
    )
    with sqlite3.connect(session) as database:
        rows = database.execute(asked).fetchall()
    database.close()
    return [
        Result((test or worker).lower(), f"{path}:{row}", diff or "")
        for test, worker, path, row, diff in rows
    ]


if __name__ == "__main__":
    sys.exit(main())
