"""The models whose sizes ship, and a model by name or path."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from roofprof.errors import UsageError
from roofprof.formulas.hf_config import config_of, read_config
from roofprof.formulas.served.families import model_of
from roofprof.formulas.served.model import ServedModel

_FOLDER = Path(__file__).parent / "models"


def bundled_models() -> list[str]:
    """Names of the models whose sizes ship."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_model(name_or_path: str) -> ServedModel:
    """A model by its bundled name (`qwen3-8b`, or as on the hub, `Qwen/Qwen3-8B`), its config.json or its folder.

    Raises:
        UsageError: neither a name nor a path.
        ReportError: a file that is no config, or of a family without formulas here.
    """
    if os.path.lexists(name_or_path):
        path = Path(name_or_path)
        name = path.resolve().parent.name if path.name == "config.json" else path.stem
        return model_of(read_config(path), name, name_or_path)
    name = name_or_path.rstrip("/").rpartition("/")[2].lower()
    if name not in bundled_models():
        known = ", ".join(bundled_models())
        raise UsageError(
            f"no model {name_or_path or repr('')}", f"give a config.json, the folder that holds it, or one of {known}"
        )
    table: Mapping[str, object] = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    config = table["config"]
    assert isinstance(config, dict)
    return model_of(config_of(config, name), name, name, str(table["source"]))
