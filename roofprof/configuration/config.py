"""A config file as commands use it: its values checked, its paths beside it, and words for what came from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from roofprof.configuration.find import HINT, PYPROJECT, Found
from roofprof.configuration.settings import Settings, settings_of
from roofprof.errors import ReportError, RoofprofError
from roofprof.field_errors import FieldError


@dataclass(frozen=True, slots=True)
class Config:
    """What a config file says; nothing without a file."""

    path: Path | None = None
    """As messages call it."""
    settings: Settings = field(default_factory=Settings)
    beside: Path | None = None
    """See `Found`."""

    @classmethod
    def of(cls, found: Found) -> "Config":
        """The file's keys, checked; what they name is read by the commands that use it.

        Raises:
            ReportError: an unknown key, or a value that is not what its key takes.
        """
        path = found.path
        try:
            return cls(path, settings_of(found.table), found.beside)
        except FieldError as error:
            alone = path.name != PYPROJECT and "tool" in found.table
            hint = "its keys stand alone there, without [tool.roofprof]" if alone else HINT
            raise ReportError(f"{path}: {error}", hint) from None

    @property
    def name(self) -> str:
        """Of the file, for records that others read."""
        return self.path.name if self.path else ""

    def gpu(self) -> str | None:
        """A bundled name, `same`, or the path of a GPU file that can be read.

        Raises:
            ReportError: it is none of these.
        """
        from roofprof.hardware.devices import SAME_GPU, bundled_gpus, load_gpu, unknown_gpu

        value = self.settings.gpu
        if value is None or value == SAME_GPU or value in bundled_gpus():
            return value
        path = self._beside_it(value)
        if path.suffix != ".toml" and not path.is_file():
            raise self._at("gpu", unknown_gpu(value))
        self._checked("gpu", load_gpu, str(path))
        return str(path)

    def ops(self) -> str | None:
        """A bundled name, or the path of an ops file that can be read.

        Raises:
            ReportError: it is neither.
        """
        from roofprof.formulas.ops_file import bundled_ops_files, load_ops_config

        value = self.settings.ops
        if value is None or value in bundled_ops_files():
            return value
        path = str(self._beside_it(value))
        self._checked("ops", load_ops_config, path)
        return path

    def ceilings(self) -> Path | None:
        """The path of a ceilings file that can be read.

        Raises:
            ReportError: there is none.
        """
        from roofprof.hardware.ceilings import load_ceilings

        value = self.settings.ceilings
        if value is None:
            return None
        path = self._beside_it(value)
        self._checked("ceilings", load_ceilings, path)
        return path

    def said(self, keys: Sequence[str], origin: str | None = None) -> str:
        """`roofprof.toml: gpu gb200-nvl72, ops mine.toml`: what of the file a run used.

        Args:
            keys: of `Settings.items`.
            origin: what to call the file; as messages do by default.
        """
        values = dict(self.settings.items())
        return f"{origin or self.path}: " + ", ".join(f"{key.replace('.', ' ')} {values[key]}" for key in keys)

    def _beside_it(self, value: str) -> Path:
        return self.path.parent / value if self.path else Path(value)

    def _checked(self, key: str, load: Callable[..., object], value: object) -> None:
        try:
            load(value)
        except RoofprofError as error:
            raise self._at(key, error) from None

    def _at(self, key: str, error: RoofprofError) -> ReportError:
        return ReportError(f"{self.path}: {key}: {error.message}", error.hint)


NO_CONFIG = Config()
