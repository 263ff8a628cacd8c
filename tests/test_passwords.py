"""A server's password is in no output, no error and no file, and may change between two starts."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from lstmwidgets.streaming import StreamError, job_model
from lstmwidgets.streaming.errors import without_login
from lstmwidgets.streaming.job.options import Job
from lstmwidgets.streaming.job.run import run_job
from lstmwidgets.streaming.redis_address import PASSWORD, PASSWORD_FILE, parse
from lstmwidgets.streaming.sinks import RedisSink
from lstmwidgets.streaming.sources import Columns, IterableSource, RedisSource

from .redis_server import RedisServer
from .test_redis_streams import add, command
from .test_stream_command import run

OLD, NEW = "hunter2", "pa%2Fss-w0rd"
"""As they stand in an address."""

SECRET = re.compile(r"hunter2|pa(%2F|/)ss-w0rd", re.IGNORECASE)


@pytest.fixture
def guarded(redis_server: RedisServer) -> Any:
    """Return the address of a stream for a user of it, and what gives that user a password."""
    stream = redis_server.url("guarded")
    command(stream, "DEL", "KEY")
    add(stream, 0, 40)

    def let_in(password: str) -> None:
        rules = ["resetpass", f">{password.replace('%2F', '/')}", "on", "~*", "+@all"]
        command(stream, "ACL", "SETUSER", "job", *rules)

    let_in(OLD)
    yield stream, let_in
    command(stream, "ACL", "DELUSER", "job")


def with_login(url: str, login: str) -> str:
    return url.replace("//", f"//{login}@")


def everything_in(folder: Path) -> str:
    return "\n".join(
        f"{path}\n{path.read_bytes().decode('latin-1')}"
        for path in folder.rglob("*")
        if path.is_file()
    )


def test_no_output_error_or_file_shows_a_password_and_a_new_one_goes_on(
    guarded: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, let_in = guarded
    out, folder, told = tmp_path / "out", tmp_path / "job", []

    def start(login: str, *options: str | Path, source: str = url) -> int:
        words = ["--target", "flow", "--hidden-size", "3", "--checkpoint", folder, *options]
        status = run(monkeypatch, "stream", with_login(source, login), *words)
        told.append("".join(capsys.readouterr()))
        return status

    outputs = [
        *("--predictions", with_login(url, f"job:{OLD}") + "-out", "--summary", out / "a.json"),
        *("--report", out / "a.html", "--recording", out / "a.safetensors"),
    ]
    assert start(f"job:{OLD}", *outputs) == 0
    assert start(f"job:{OLD}", *outputs, "--window", "9") == 2
    assert "belongs to another job: window was 16" in told[-1]
    assert start(f"job:{OLD}", *outputs, source=url.replace("guarded", "other")) == 2
    assert "belongs to another job: source was 'redis://127" in told[-1]

    let_in(NEW)
    add(url, 40, 60)
    assert start(f"job:{OLD}", *outputs) == 2
    assert "does not let you in" in told[-1]
    outputs[1] = with_login(url, f"job:{NEW}") + "-out"
    assert start(f"job:{NEW}", *outputs) == 0
    assert "going on after 40 events" in told[-1]
    assert "60 events" in told[-1]

    assert run(monkeypatch, "inspect", folder) == 0
    told.append("".join(capsys.readouterr()))
    assert f"source             {url}" in told[-1]
    for wrong in (
        ["stream", with_login(url, f"job:{OLD}"), with_login(url, f"job:{NEW}")],
        ["stream", with_login(url, f"job:{OLD}").replace("redis", "REDIS", 1), "--target", "a"],
        ["stream", with_login(url, f"job:{OLD}"), "--target", "a", "--predictions", f"{OLD}@x/"],
        ["stream", with_login(url, f"job:{OLD}") + "?a=b", "--target", "a"],
        ["stream", url + f"?password={OLD}", "--target", "a"],
        ["stream", "https://me:hunter2@x.example/a.csv", "--target", "a"],
    ):
        assert run(monkeypatch, *wrong) == 2
        told.append("".join(capsys.readouterr()))
    assert not SECRET.search("".join(told))
    assert not SECRET.search(everything_in(tmp_path))


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@localhost:6379/x/s",
        "redis://:hunter2@localhost/0",
        "redis://:hunter2/1@localhost:6379/0/s",
        "redis://:1/0/hunter2@localhost:6379/0/s",
        "redis://:hunter2?1@localhost:6379/0/s",
        "redis://:1?hunter2@localhost:6379/0/s",
        "redis://:1#hunter2@localhost:6379/0/s",
        "redis://:hunter2 1@localhost:6379/0/s",
        "redis://:1 hunter2@localhost:6379/0/s",
        "redis://:hunter2@[localhost:6379/0/s",
        "redis://:hunter2\u2100@localhost:6379/0/s",
        "redis://localhost:6379/0/s?password=hunter2",
        "redis://localhost:6379/0/s?password=a@hunter2",
    ],
)
def test_an_address_that_is_none_does_not_show_its_password(url: str, tmp_path: Path) -> None:
    for call in (
        lambda: parse(url),
        lambda: RedisSink(url),
        lambda: RedisSource(url, Columns(target="flow")),
        lambda: run_job(Job(url, Columns(target="flow"), checkpoint=tmp_path / "job")),
        lambda: run_job(Job("a.csv", Columns(target="flow"), predictions=url)),
    ):
        with pytest.raises(StreamError, match="write / as %2F") as error:
            call()
        assert "hunter2" not in str(error.value)
        assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_none_does_not_show_the_password() -> None:
    with pytest.raises(StreamError, match="no address of a server") as error:
        parse("redis://me:hunter2@localhost:port/0/s").client()
    assert "hunter2" not in str(error.value)


def test_what_is_shown_of_objects_has_no_password() -> None:
    url = "redis://me:hunter2@localhost:6379/0/a%40b"
    address = parse(url)
    job = Job(url, predictions=url, dead_letters=Path(url))
    assert address.stream == "a@b"
    assert address.server == "redis://me:hunter2@localhost:6379/0"
    shown = f"{address!r} {job!r} {job.identity} {RedisSink(url)!r} {address.client()!r}"
    assert "hunter2" not in shown
    assert job.identity["source"] == job.identity["predictions"] == address.name
    assert (
        job.identity
        == Job(
            url.replace("me:hunter2", "other:more"),
            predictions=url.replace("me:hunter2@", ""),
            dead_letters=Path(url.replace("me", "you")),
        ).identity
    )


def test_only_logins_are_left_out() -> None:
    plain = "a@b wrote redis://h:1/0/s, see http://h/a@b and file:///a/b@c.csv"
    assert without_login(plain) == plain
    text = "redis://u:p@h/0/s is not rediss:/:a/b@c@h/0/s, nor https://me:p@h/a@b"
    assert without_login(text) == "redis://h/0/s is not rediss:/h/0/s, nor https://h/a@b"


# --- from elsewhere than the command line -----------------------------------------------------


def last_of(url: str) -> Any:
    with RedisSink(url) as sink:
        return sink._client.xlen("guarded")


def test_a_password_comes_from_the_environment_or_a_file(
    guarded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, let_in = guarded
    user, file = with_login(url, "job"), tmp_path / "password"
    file.write_text(f"{OLD}\n")
    monkeypatch.setenv(PASSWORD_FILE, str(file))
    assert last_of(user) == 40
    file.write_text("rotated")
    with pytest.raises(StreamError, match=f"give the password in {PASSWORD}, or the file"):
        last_of(user)
    let_in("rotated")
    assert last_of(user) == 40
    monkeypatch.setenv(PASSWORD, "wrong")
    with pytest.raises(StreamError, match="does not let you in"):
        last_of(user)
    assert last_of(with_login(url, "job:rotated")) == 40
    monkeypatch.delenv(PASSWORD)
    monkeypatch.setenv(PASSWORD_FILE, str(tmp_path / "nowhere"))
    with pytest.raises(
        StreamError, match=r"cannot read .*nowhere of LSTMWIDGETS_REDIS_PASSWORD_FI"
    ):
        last_of(user)


# --- who may read -----------------------------------------------------------------------------

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of this kind")


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@POSIX
def test_a_jobs_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    def events() -> Any:
        for n in range(9):
            found.append(modes(folder))
            yield {"a": n}, float(n)

    folder, found = tmp_path / "new" / "job", []
    before = os.umask(0)
    try:
        source = IterableSource(events(), Columns(), journal=tmp_path / "input.journal")
        run_job(Job(source, seed=1, hidden_size=3, checkpoint=folder, checkpoint_events=1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {"job.sqlite", "job.sqlite-wal", "lock", "holder"} <= set().union(*found)
    assert {mode for each in found for mode in each.values()} == {0o600}
    assert modes(tmp_path)["input.journal"] == 0o600
    assert job_model(folder).hidden_size == 3


@POSIX
def test_a_database_of_before_becomes_its_owners(tmp_path: Path) -> None:
    job = Job(IterableSource([({"a": 1}, 1.0)], Columns()), seed=1, hidden_size=3)
    run_job(Job(**vars(job) | {"checkpoint": tmp_path}))
    (tmp_path / "job.sqlite").chmod(0o644)
    again = IterableSource([({"a": 1}, 1.0)], Columns())
    run_job(Job(**vars(job) | {"checkpoint": tmp_path, "source": again}))
    assert modes(tmp_path)["job.sqlite"] == 0o600


def test_the_database_knows_the_address_without_login(guarded: Any, tmp_path: Path) -> None:
    url, _ = guarded
    job = Job(
        with_login(url, f"job:{OLD}"),
        Columns(target="flow"),
        hidden_size=3,
        checkpoint=tmp_path / "job",
    )
    assert run_job(job).source == url
    kept = b"".join(path.read_bytes() for path in (tmp_path / "job").iterdir() if path.is_file())
    assert url.encode() in kept
    assert OLD.encode() not in kept
