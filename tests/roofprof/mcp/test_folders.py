"""Nothing outside of the folders is read, whatever a client asks for."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.errors import RoofprofError, UsageError
from roofprof.mcp.folders import Folders

SECRET = "outside/secret.ncu-rep"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """caps/ and more/ are served; outside/ is not, and links of each sort lead to it."""
    top = tmp_path_factory.mktemp("tree")
    for name in ("caps/a/deep", "more", "outside", "caps-beside"):
        (top / name).mkdir(parents=True)
    for name in ("caps/a/in.ncu-rep", "caps/a/deep/x.json", "more/y.ncu-rep", SECRET, "caps-beside/z.ncu-rep"):
        (top / name).write_text(name)
    links = {"caps/out": "../outside", "caps/a/file": f"../../{SECRET}", "caps/in": "a", "caps/loop": "loop",
             "caps/up": "..", "caps/chain": "a/hop", "caps/a/hop": top / "outside"}  # fmt: skip
    for name, target in links.items():
        (top / name).symlink_to(target)
    return top


PARTS = st.sampled_from(
    ["caps", "more", "a", "deep", "in", "out", "up", "chain", "hop", "file", "loop", "..", ".", "", "outside", "A",
     "etc", "in.ncu-rep", "secret.ncu-rep", "x.json", "caps-beside", "z.ncu-rep", "~", "..\\..", "\0", "\ud800"]
)  # fmt: skip


@given(
    parts=st.lists(PARTS, min_size=1, max_size=8), several=st.booleans(), absolute=st.sampled_from(["", "/", "TOP/"])
)
def test_what_is_found_lies_inside(tree: Path, parts: list[str], several: bool, absolute: str) -> None:
    served = [tree / "caps", tree / "more"] if several else [tree / "caps"]
    folders = Folders(served)
    text = absolute.replace("TOP", str(tree)) + "/".join(parts)
    try:
        real = folders.real(text)
        stamp = folders.stamp(real)
    except RoofprofError:
        return
    for path in [str(real), *(entry[0] for entry in stamp)]:
        assert any(os.path.realpath(path).startswith(f"{folder}{os.sep}") or Path(path) == folder for folder in served)
    assert folders.real(folders.shown(real)) == real


@pytest.mark.parametrize(
    "text",
    ["../outside/secret.ncu-rep", "out/secret.ncu-rep", "a/file", "up", "chain", "a/../../outside", "/etc/passwd",
     "../caps-beside/z.ncu-rep", "up/caps/../outside/secret.ncu-rep", "../nothing-there"],
)  # fmt: skip
def test_what_leads_out_is_refused_whether_it_is_there_or_not(tree: Path, text: str) -> None:
    with pytest.raises(UsageError, match="leads out of the folders that are served"):
        Folders([tree / "caps"]).real(text)


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800"])
def test_what_is_no_path_is_refused(tree: Path, text: str) -> None:
    with pytest.raises(UsageError, match="no path"):
        Folders([tree / "caps"]).real(text)


def test_paths_inside_are_taken_relative_absolute_and_through_links(tree: Path) -> None:
    folders = Folders([tree / "caps"])
    wanted = tree / "caps/a/in.ncu-rep"
    for text in ("a/in.ncu-rep", "in/in.ncu-rep", "a/deep/../in.ncu-rep", str(wanted)):
        assert folders.real(text) == wanted
    assert folders.shown(wanted) == "a/in.ncu-rep"
    with pytest.raises(RoofprofError, match=r"no such file: A/in.ncu-rep"):
        folders.real("A/in.ncu-rep")


def test_several_folders_are_told_apart_by_name(tree: Path) -> None:
    folders = Folders([tree / "caps", tree / "more"])
    assert folders.real("more/y.ncu-rep") == tree / "more/y.ncu-rep"
    assert folders.shown(tree / "more/y.ncu-rep") == "more/y.ncu-rep"
    assert folders.hidden(f"cannot read {tree}/more/y.ncu-rep") == "cannot read more/y.ncu-rep"
    with pytest.raises(UsageError, match="begins with none of the folders caps, more"):
        folders.real("y.ncu-rep")


def test_a_folder_with_a_link_that_leads_out_is_refused_whole(tree: Path, tmp_path: Path) -> None:
    capture = tmp_path / "capture"
    (capture / "ncu").mkdir(parents=True)
    (capture / "ncu" / "a.ncu-rep").write_text("a")
    folders = Folders([tmp_path])
    before = folders.stamp(capture)
    (capture / "alias").symlink_to("ncu/a.ncu-rep")
    assert len(folders.stamp(capture)) == len(before) + 1
    (capture / "ceilings.json").symlink_to(tree / SECRET)
    with pytest.raises(UsageError, match=r"ceilings.json is a link that leads out"):
        folders.stamp(capture)
    (capture / "ceilings.json").unlink()
    (capture / "more").symlink_to("ncu")
    with pytest.raises(UsageError, match="more is a link that leads to a folder"):
        folders.stamp(capture)


def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(RoofprofError, match="larger than 1 GiB"):
        Folders([tmp_path]).stamp(large)


def test_what_is_no_folder_is_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        Folders([tmp_path / "gone"])
