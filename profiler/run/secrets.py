"""What a capture must not give away about the machine and the user, and text without it."""

import contextlib
import getpass
import os
import platform
import re
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from roofprof.files import Json
from roofprof.formulas.layer import PHASES, RECIPES, LayerCase, layer_ops
from roofprof.profiler.run.values import LONG, Values, find_values

_SECRET_NAME = re.compile(r"TOKEN|KEY|SECRET|PASS|CRED|AUTH|COOKIE|DSN|WEBHOOK", re.IGNORECASE)
_NUMBER = re.compile(r"[vV]?[\d.,:;+_-]*\d[a-z]?[\d.,:;+_-]*(cu\d+)?")
_PATH = re.compile(r"(?<![\w./])/(?:[\w.+@%~-]+/)+([\w.+@%~-]*)")
_LOCAL = ("127.0.0.1", "0.0.0.0", "::1", "00:00:00:00:00:00", "localhost")
_WORDS = frozenset(
    """
    root true false none null auto default linux bash xterm xterm-256color screen dumb utf-8 c.utf-8
    en_us.utf-8 posix compute utility graphics video display python python3 cuda nvidia torch triton
    flashinfer sgl_kernel sgl-kernel sglang-kernel sglang roofprof nsight ncu nsys x86_64 aarch64 amd64
    arm64 decode prefill dense cold warm core complete partial failed kernel eager info warning error
    debug /usr /tmp /opt bfloat16 float16 float32 float64 float8 float8_e4m3fn float8_e5m2 float4_e2m1fn
    tfloat32 half float double fp32 fp64 int32 int64 fp8_e4m3 fp8_e5m2 mxfp4 mxfp8 nvfp4
    """.split()  # noqa: SIM905 (a word list reads better than a list of words)
)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Finds known values, in text and in bytes."""

    known: Values
    strict: Values
    """Only what no honest range name would hold: secrets by name of their variable, paths, addresses."""

    def scrub(self, text: str) -> str:
        """The text with every known value overwritten in its length."""
        return _in_bytes(text, self.known.overwrite)

    def scrub_text(self, text: str) -> str:
        """The text without known values, and with absolute paths cut to their last part."""
        return _PATH.sub(r"<path>/\1", self.scrub(text))

    def scrub_name(self, name: str) -> str:
        """A range's or kernel's name without what no honest name would hold, as reports have it: overwritten."""
        return _in_bytes(name, self.strict.overwrite)

    def scrub_data(self, data: Json) -> Json:
        """JSON data with each string in it scrubbed, keys too."""
        if isinstance(data, str):
            return self.scrub_text(data)
        if isinstance(data, Mapping):
            return {self.scrub_text(str(key)): self.scrub_data(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.scrub_data(item) for item in data]
        return data


def _in_bytes(text: str, overwrite: Callable[[bytes], bytes]) -> str:
    for errors in ("surrogateescape", "surrogatepass"):
        with contextlib.suppress(UnicodeEncodeError):
            return overwrite(text.encode("utf-8", errors)).decode("utf-8", errors)
    return ""


def collect_secrets(arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Secrets:
    """The values of this process: its environment, the given arguments, directory, user, host, addresses."""
    environment = os.environ if environment is None else environment
    paths = {os.getcwd(), str(Path.home()), sys.executable, os.path.realpath(sys.executable)}
    hosts = {socket.gethostname(), platform.node()}
    identity = {*hosts, *(h.partition(".")[0] for h in hosts), _user(), *(Path(p).name for p in paths)}
    secret = {v for n, v in environment.items() if _SECRET_NAME.search(n)}
    loose = set(environment.values()) | set(arguments)
    loose |= {part for value in loose for part in _parts(value)}
    found = {v for v in loose if _telling(v)} | {v for v in identity | secret if _telling(v, 3)}
    strict = {v for v in secret | _parts_of_all(secret) if len(v) >= LONG and v.lower() not in _vocabulary()}
    strict |= {p for p in paths if p.count("/") > 1} | {a for a in addresses() if len(a) > 6}
    found |= strict | {p for p in paths if len(p) > 3}
    return Secrets(find_values(found, secret), find_values(strict))


def addresses() -> set[str]:
    """Network and hardware addresses of this host's interfaces."""
    found: set[str] = set()
    for line in _read("/proc/net/fib_trie").splitlines():
        if match := re.search(r"\|-- (\d+\.\d+\.\d+\.\d+)", line):
            found.add(match[1])
    for line in _read("/proc/net/if_inet6").splitlines():
        groups = ":".join(line[i : i + 4] for i in range(0, 32, 4))
        found |= {groups, socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line[:32]))}
    for card in Path("/sys/class/net").glob("*/address"):
        found.add(_read(str(card)).strip())
    return {a for a in found if a and a not in _LOCAL and not a.startswith(("127.", "0.")) and not a.endswith(".0")}


def _parts(value: str) -> set[str]:
    """What a value is made of where the whole need not appear: lines, paths of a list, both sides of `=`."""
    found = {line.strip() for line in value.splitlines() if len(line.strip()) >= 8}
    if "/" in value:
        found |= {part for part in value.split(":") if part.startswith("/")}
    if value.startswith("-") and "=" in value:
        found.add(value.partition("=")[2])
    return found


def _parts_of_all(values: Iterable[str]) -> set[str]:
    return {part for value in values for part in re.split(r"[\s:/@,;=&?]+", value)}


def _telling(value: str, minimum: int = 4) -> bool:
    """Whether a value says anything about its owner: no number, version or word of the trade."""
    return len(value) >= minimum and not _NUMBER.fullmatch(value) and value.lower() not in _vocabulary()


@cache
def _vocabulary() -> frozenset[str]:
    """Words that captures are made of, and that an option or a variable may hold as well."""
    layers: tuple[Literal["moe", "dense"], ...] = ("moe", "dense")
    cases = [LayerCase(p, recipe=r, layer=kind) for p in PHASES for r in RECIPES.values() for kind in layers]
    return _WORDS | set(RECIPES) | {op.op for case in cases for op in layer_ops(case)}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
