"""Which config file holds where."""

import os
from pathlib import Path

import pytest

from roofprof.configuration.find import find_config, named_config
from roofprof.errors import ReportError

TABLE = '[tool.roofprof]\ngpu = "h100"\n'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder three below the root of a repository."""
    (tmp_path / "repository/.git").mkdir(parents=True)
    (folder := tmp_path / "repository/a/b").mkdir(parents=True)
    return folder


def found(folder: Path) -> Path | None:
    config = find_config(folder)
    return config and config.path.resolve()


def test_the_nearest_one_up_to_the_repository(place: Path, tmp_path: Path) -> None:
    root = place.parents[1]
    (tmp_path / "roofprof.toml").write_text("")
    assert found(place) is None
    (root / "pyproject.toml").write_text(TABLE)
    assert found(place) == root / "pyproject.toml"
    (place.parent / "pyproject.toml").write_text('[project]\nname = "roofprof-tools"\n')
    assert found(place) == root / "pyproject.toml", "one without the table is passed over"
    (place.parent / "roofprof.toml").write_text("")
    assert found(place) == place.parent / "roofprof.toml", "an empty one is one"


def test_roofprof_toml_comes_before_pyproject(place: Path) -> None:
    (place / "roofprof.toml").write_text('gpu = "h200"\n')
    (place / "pyproject.toml").write_text(TABLE)
    config = find_config(place)
    assert config is not None
    assert config.table == {"gpu": "h200"}
    assert config.beside
    assert config.beside.resolve() == place / "pyproject.toml"


def test_home_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home := tmp_path / "home"))
    (folder := home / "work").mkdir(parents=True)
    (tmp_path / "roofprof.toml").write_text("")
    assert found(folder) is None
    (home / "roofprof.toml").write_text("")
    assert found(folder) == home / "roofprof.toml"


def test_a_folder_of_everybodys_is_not_searched_from_below(tmp_path: Path) -> None:
    (shared := tmp_path / "tmp").mkdir()
    (folder := shared / "mine").mkdir()
    (shared / "roofprof.toml").write_text("")
    assert found(folder) == shared / "roofprof.toml"
    shared.chmod(0o1777)
    assert found(folder) is None
    assert found(shared) == shared / "roofprof.toml"


def test_a_pyproject_of_others_is_left_alone(place: Path) -> None:
    (place / "pyproject.toml").write_text("this is not TOML")
    assert found(place) is None
    (place / "pyproject.toml").unlink()
    os.mkfifo(place / "pyproject.toml")
    assert found(place) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.roofprof]\ngpu = \n", "pyproject.toml is not valid TOML: Invalid value (at line 2, column 7)"),
        ('[tool]\nroofprof = "h100"\n', "tool.roofprof: expected a table, [tool.roofprof]"),
    ],
)
def test_a_pyproject_of_ours_must_be_right(place: Path, text: str, said: str) -> None:
    (place / "pyproject.toml").write_text(text)
    with pytest.raises(ReportError, match=r"pyproject\.toml") as raised:
        find_config(place)
    assert said in raised.value.message


def test_a_named_file_is_the_one(place: Path) -> None:
    (place / "other.toml").write_text('gpu = "h200"\n')
    assert named_config(place / "other.toml").table == {"gpu": "h200"}
    (place / "pyproject.toml").write_text(TABLE)
    assert named_config(place / "pyproject.toml").table == {"gpu": "h100"}
    (place / "pyproject.toml").write_text("")
    with pytest.raises(ReportError, match=r"holds no \[tool.roofprof\]"):
        named_config(place / "pyproject.toml")
