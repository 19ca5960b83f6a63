"""The config file of this run: read when a command asks for it, and what was used of it said on stderr."""

import os
import sys
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from roofprof.configuration.config import Config


@dataclass(frozen=True)
class _Choice:
    """What --config and --no-config say."""

    file: Path | None = None
    off: bool = False
    said: set[str] = field(default_factory=set)
    """Notes are said once."""

    @cached_property
    def config(self) -> "Config":
        from roofprof.configuration.config import NO_CONFIG, Config
        from roofprof.configuration.find import find_config, named_config

        if self.off:
            return NO_CONFIG
        if self.file is not None:
            return Config.of(named_config(self.file))
        here = _current_folder()
        found = find_config(here) if here else None
        config = Config.of(found) if found else NO_CONFIG
        if config.beside:
            say(f"{config.beside}: [tool.roofprof] is not read, for {config.path} comes first")
        return config


_CHOSEN: ContextVar[_Choice] = ContextVar("config")


def choose_config(file: Path | None, off: bool) -> None:
    """Begin a run: what its options say of a config file."""
    _CHOSEN.set(_Choice(file, off))


def config() -> "Config":
    """The config file of this run, or an empty one.

    Raises:
        ReportError: it cannot be read, or holds what it must not.
    """
    return _CHOSEN.get(_Choice()).config


def is_off() -> bool:
    """Whether --no-config was given."""
    return _CHOSEN.get(_Choice()).off


def say(line: str) -> None:
    """Print a note on stderr, once in a run."""
    from roofprof.formatting import printable

    said = _CHOSEN.get(_Choice()).said
    if line in said:
        return
    said.add(line)
    print(f"note: {printable(line)}", file=sys.stderr)


def or_configured(given: str | None, key: Literal["gpu", "ops"]) -> str | None:
    """The value of an option, or else the config file's, which is said."""
    if given is not None:
        return given
    found = config()
    value = found.gpu() if key == "gpu" else found.ops()
    if value is not None:
        say(found.said([key]))
    return value


def _current_folder() -> Path | None:
    try:
        return Path(os.getcwd())
    except OSError:  # it was removed
        return None
