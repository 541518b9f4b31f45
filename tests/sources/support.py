"""What the tests of PokéAPI's sources share: a server that misbehaves, invented tables, a fake npm."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from embedex.sources.npm import Package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REAL_RECORDS = Path(__file__).parents[2].parent / "shared" / "data" / "pokemon-2024-06.jsonl"


@dataclass(frozen=True)
class Answer:
    """What the local server answers; `promised` bytes more than it sends, after `delay` seconds."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int = 0
    delay: float = 0.0


@dataclass(frozen=True)
class Request:
    path: str
    body: bytes
    headers: Mapping[str, str]


class LocalServer:
    """An HTTP server on this machine whose answers a function makes; it keeps the requests."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.requests: list[Request] = []
        self._ending = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve(b"")

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

            def _serve(self, body: bytes) -> None:
                request = Request(self.path, body, dict(self.headers))
                outer.requests.append(request)
                made = answer(request)
                outer._ending.wait(made.delay)
                try:
                    self.send_response(made.status)
                    for name, value in made.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(made.body) + made.promised))
                    self.end_headers()
                    self.wfile.write(made.body)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client has had enough, as a test may want

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(answer: Callable[[Request], Answer]) -> Iterator[LocalServer]:
    server = LocalServer(answer)
    try:
        yield server
    finally:
        server.close()


def closed_url() -> str:
    """An address at which nobody listens."""
    server = LocalServer(lambda request: Answer())
    server.close()
    return server.url


def png(number: int) -> bytes:
    """A small PNG that depends on the number."""
    from PIL import Image

    buffer = io.BytesIO()
    colour = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
    picture = Image.new("RGB", (40, 40), colour)
    for step in range(40):
        picture.putpixel((step, step * number % 40), (255 - step, step, 0))
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


# Three invented creatures, one a form of another. Rows stand in an order that a join has to mend or to keep.
TABLES = {
    "pokemon": "id,identifier,species_id,height,weight,base_experience,order,is_default\n"
    "2,mossback,2,30,900,,2,1\n"
    "10001,glimfin-frost,1,4,11,70,3,0\n"
    "1,glimfin,1,3,12,64,1,1\n",
    "pokemon_species": "id,identifier,generation_id,color_id,shape_id,habitat_id,gender_rate,capture_rate,"
    "base_happiness,is_baby,hatch_counter,has_gender_differences,growth_rate_id,forms_switchable,"
    "is_legendary,is_mythical\n"
    "1,glimfin,1,4,2,5,-1,45,70,1,20,0,3,1,0,0\n"
    "2,mossback,2,4,,,4,3,,0,,1,3,0,1,0\n",
    "generations": "id,main_region_id,identifier\n1,1,generation-i\n2,1,sun-moon\n",
    "pokemon_colors": "id,identifier\n4,teal\n",
    "pokemon_shapes": "id,identifier\n2,finned\n",
    "pokemon_habitats": "id,identifier\n5,reed-beds\n",
    "growth_rates": "id,identifier,formula\n3,steady,x\n",
    "egg_groups": "id,identifier\n1,pond\n7,moss\n",
    "pokemon_egg_groups": "species_id,egg_group_id\n2,7\n2,1\n",
    "evolution_triggers": "id,identifier\n1,level-up\n2,trade\n",
    "pokemon_evolution": "id,evolved_species_id,evolution_trigger_id\n1,2,1\n2,2,1\n3,2,2\n",
    "versions": "id,version_group_id,identifier\n1,1,dawn\n2,1,dusk\n",
    "pokemon_species_flavor_text": "species_id,version_id,language_id,flavor_text\n"
    '1,2,9,"It hums, softly,\nin the reeds."\n'
    "1,1,5,Il fredonne.\n"
    "1,1,9,It glows at night.\n",
    "types": "id,identifier,generation_id\n1,tide,1\n2,leaf,1\n",
    "pokemon_types": "pokemon_id,type_id,slot\n1,2,1\n1,1,2\n2,2,1\n10001,1,1\n",
    "stats": "id,damage_class_id,identifier\n1,,vigour\n2,2,bite\n",
    "pokemon_stats": "pokemon_id,stat_id,base_stat\n1,1,45\n1,2,49\n2,1,80\n2,2,60\n10001,1,40\n",
    "abilities": "id,identifier\n3,hush\n12,drift\n",
    "pokemon_abilities": "pokemon_id,ability_id,is_hidden,slot\n1,12,0,1\n1,3,1,3\n1,12,0,2\n2,3,0,1\n",
    "regions": "id,identifier\n1,northfen\n",
    "locations": "id,region_id,identifier\n1,1,reed-pond\n2,,sky-rift\n",
    "location_areas": "id,location_id,game_index,identifier\n9,2,1,\n10,1,2,shore\n11,1,3,depths\n",
    "encounters": "id,version_id,location_area_id,encounter_slot_id,pokemon_id,min_level,max_level\n"
    "1,1,11,1,1,2,3\n2,1,10,1,1,2,3\n3,2,11,1,1,2,3\n4,1,9,1,1,5,5\n",
    "moves": "id,identifier,type_id\n5,splash,1\n20,rustle,2\n100,glide,1\n",
    "pokemon_moves": "pokemon_id,version_group_id,move_id,pokemon_move_method_id,level,order\n"
    "1,1,100,1,1,\n1,1,20,1,4,\n1,2,100,1,1,\n1,2,5,1,9,\n2,1,20,1,1,\n",
}


def write_tables(folder: Path, **changed: str | None) -> Path:
    """The invented tables as CSV files; `changed` replaces a table's text, or leaves it out where None."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**TABLES, **changed}.items():
        if text is not None:
            (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    return folder


def tarball(files: Mapping[str, bytes]) -> bytes:
    """An npm tarball with these files, in this order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def tables_tarball() -> bytes:
    return tarball({f"package/data/csv/{name}.csv": text.encode() for name, text in TABLES.items()})


def artwork_tarball() -> bytes:
    return tarball({f"package/img/{number:03}.png": png(number) for number in (1, 2, 3)})


def package(name: str, content: bytes) -> Package:
    """The description of a package whose tarball has this content."""
    return Package(name, "1.0.0", hashlib.sha256(content).hexdigest(), 0.1)


class FakeNpm:
    """A script called npm that packs what the test prepared; it keeps the arguments it was called with."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder, self._log = folder, folder / "calls"
        self._log.touch()
        self.script(f'cp "{folder}/$2.tgz" "$4/"')

    def script(self, body: str) -> None:
        script = self.folder / "npm"
        script.write_text(f'#!/bin/sh\necho "$@" >> "{self._log}"\n{body}\n')
        script.chmod(0o755)

    def holds(self, which: Package, content: bytes) -> None:
        (self.folder / f"{which.name}@{which.version}.tgz").write_bytes(content)

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().splitlines()
