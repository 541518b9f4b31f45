"""Files of the hub: where they are looked for, what is fetched, and what a person without a network is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from embedex.encoders import hub_files
from embedex.encoders.hub_files import HubModel
from embedex.errors import WeightsError
from sources.support import Answer, LocalServer, Request, closed_url, serving

CONTENTS = {"config.json": b'{"n": 1}', "model.safetensors": bytes(range(256)) * 9000}
MODEL = HubModel(
    "somebody/some-model",
    "0123456789abcdef0123456789abcdef01234567",
    {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()},
    "2 MB",
)
TOKEN = "hf_nobody_may_see_this"


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches, and no hub."""
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("EMBEDEX_CACHE", str(tmp_path / "embedex"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(hub_files, "READ_TIMEOUT", 5.0)
    return tmp_path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[Request], Answer]], LocalServer]]:
    with ExitStack() as stack:

        def serve(answer: Callable[[Request], Answer]) -> LocalServer:
            server = stack.enter_context(serving(answer))
            monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/")
            return server

        yield serve


def good(request: Request) -> Answer:
    return Answer(CONTENTS[request.path.rpartition("/")[2]])


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(CONTENTS[name])
    return folder


def hub_folder(home: Path) -> Path:
    return home / "hub" / "models--somebody--some-model" / "snapshots" / MODEL.revision


def nothing_is_left() -> bool:
    return not MODEL.cache.exists() or not [*MODEL.cache.iterdir()]


def test_the_hubs_cache_is_used_as_its_client_left_it(
    homes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(hub_folder(homes / "hf"), *CONTENTS)
    assert hub_files.get(MODEL) == {name: folder / name for name in CONTENTS}
    monkeypatch.delenv("HF_HOME")
    assert hub_files.find(MODEL) == {}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert set(hub_files.find(MODEL)) == set()
    put(hub_folder(tmp_path / "xdg" / "huggingface"), "config.json")
    assert set(hub_files.find(MODEL)) == {"config.json"}
    monkeypatch.setenv("HF_HUB_CACHE", str(homes / "hf" / "hub"))
    assert set(hub_files.find(MODEL)) == set(CONTENTS)


def test_another_revision_in_the_hubs_cache_is_not_taken(homes: Path) -> None:
    put(hub_folder(homes / "hf"), *CONTENTS)
    assert hub_files.find(replace(MODEL, revision="f" * 40)) == {}


def test_files_may_be_in_either_cache(homes: Path) -> None:
    put(hub_folder(homes / "hf"), "config.json")
    put(MODEL.cache, *CONTENTS)
    assert hub_files.get(MODEL)["config.json"].parent == hub_folder(homes / "hf")
    assert hub_files.get(MODEL)["model.safetensors"].parent == MODEL.cache


def test_a_folder_of_ones_own_is_looked_into_alone(homes: Path, tmp_path: Path) -> None:
    put(MODEL.cache, *CONTENTS)
    own = put(tmp_path / "own", *CONTENTS)
    assert hub_files.get(MODEL, own) == {name: own / name for name in CONTENTS}
    (own / "config.json").unlink()
    with pytest.raises(WeightsError) as caught:
        hub_files.get(MODEL, own)
    assert f"the folder {own} lacks config.json" in caught.value.seen
    assert f"put the files into {own}" in caught.value.cure


def test_what_is_absent_is_fetched_once(hub: Callable[..., LocalServer]) -> None:
    server = hub(good)
    put(MODEL.cache)
    for _ in range(2):
        got = hub_files.get(MODEL)
        assert {name: path.read_bytes() for name, path in got.items()} == CONTENTS
    assert [request.path for request in server.requests] == [
        f"/somebody/some-model/resolve/{MODEL.revision}/{name}" for name in ("config.json", "model.safetensors")
    ], "the small file first"
    assert {path.name for path in MODEL.cache.iterdir()} == set(CONTENTS)
    assert "Authorization" not in server.requests[0].headers


def test_the_token_goes_to_the_hub_and_nowhere_else(
    hub: Callable[..., LocalServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serving(good) as store:
        # Another host to httpx, as the hub's store of large files is.
        address = store.url.replace("127.0.0.1", "localhost")
        server = hub(lambda request: Answer(status=302, headers={"Location": f"{address}{request.path}"}))
        hub_files.get(MODEL)
        assert [request.headers["Authorization"] for request in server.requests] == [f"Bearer {TOKEN}"] * 2
        assert len(store.requests) == 2
        assert not any("Authorization" in request.headers for request in store.requests)


@pytest.mark.parametrize("offline", ["1", "true", "YES", "on"])
def test_offline_nothing_is_asked_and_one_message_says_all(
    hub: Callable[..., LocalServer], monkeypatch: pytest.MonkeyPatch, offline: str
) -> None:
    server = hub(good)
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    with pytest.raises(WeightsError) as caught:
        hub_files.get(MODEL)
    assert not server.requests
    config, tensors = (f"{name} (sha256 {MODEL.files[name]})" for name in CONTENTS)
    command = "hf download somebody/some-model config.json model.safetensors"
    assert str(caught.value).splitlines() == [
        "some-model is not on this machine: HF_HUB_OFFLINE forbids to ask the hub.",
        f"It wants {config} and {tensors} of somebody/some-model, 2 MB.",
        f"On a machine with a network: {command} --revision {MODEL.revision} --local-dir some-model",
        f"Then put the files into {MODEL.cache}",
    ]


def test_a_message_names_only_what_is_absent(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(MODEL.cache, "config.json")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError) as caught:
        hub_files.get(MODEL)
    assert caught.value.allowed.startswith("It wants model.safetensors (sha256 ")


def test_without_a_network_the_message_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", closed_url())
    with pytest.raises(WeightsError, match=r"^some-model is not on this machine: http.*could not be fetched") as caught:
        hub_files.get(MODEL)
    assert MODEL.command in caught.value.cure
    assert str(MODEL.cache) in caught.value.cure
    assert nothing_is_left()


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_hub_that_refuses(hub: Callable[..., LocalServer], monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub(lambda request: Answer(status=status))
    with pytest.raises(WeightsError, match=f"config.json answered {status}") as caught:
        hub_files.get(MODEL)
    assert TOKEN not in str(caught.value)
    assert nothing_is_left()


def test_another_file_than_the_pinned_one_is_not_kept(hub: Callable[..., LocalServer]) -> None:
    hub(lambda request: Answer(b"<html>Log in to this network</html>"))
    with pytest.raises(WeightsError) as caught:
        hub_files.get(MODEL)
    seen = hashlib.sha256(b"<html>Log in to this network</html>").hexdigest()
    assert "/config.json gave another file" in caught.value.seen
    assert seen in caught.value.seen
    assert MODEL.files["config.json"] in caught.value.allowed
    assert nothing_is_left()


def test_a_file_cut_short_is_not_kept(hub: Callable[..., LocalServer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    content = CONTENTS["model.safetensors"]
    put(MODEL.cache, "config.json")
    hub(lambda request: Answer(content[:-1000], promised=1000))
    with pytest.raises(WeightsError, match=r"model\.safetensors could not be fetched") as caught:
        hub_files.get(MODEL)
    assert caught.value.__cause__ is None, "it would carry the token"
    assert [path.name for path in MODEL.cache.iterdir()] == ["config.json"]
    hub(good)
    assert hub_files.get(MODEL)["model.safetensors"].read_bytes() == content


def test_a_cache_that_cannot_be_written(hub: Callable[..., LocalServer], homes: Path) -> None:
    hub(good)
    (homes / "embedex").write_bytes(b"a file, where a folder is due")
    with pytest.raises(WeightsError, match="cannot be written"):
        hub_files.get(MODEL)


def test_a_small_file_is_read_only_if_it_is_the_pinned_one(tmp_path: Path) -> None:
    path = put(tmp_path, "config.json") / "config.json"
    assert hub_files.read(path, MODEL.files["config.json"]) == CONTENTS["config.json"]
    assert hub_files.read(path, "") == CONTENTS["config.json"]
    with pytest.raises(WeightsError) as caught:
        hub_files.read(path, "0" * 64)
    assert str(path) in caught.value.seen
    assert MODEL.files["config.json"] in caught.value.seen
    with pytest.raises(WeightsError, match="cannot be read"):
        hub_files.read(tmp_path / "nothing", "")
