"""Makes the pages of the documentation site from docs/, the pages of the top folder, and the code.

    python scripts/site_pages.py build/site/pages

A page stands once, as a code host shows it. Here it is copied, its links are made to lead to the site's pages, and what
Python-Markdown reads otherwise than a code host does is written so that both agree. Commands and the lists of folders
that are linked are made from the code and from the pages. mkdocs.yml has the order of the pages.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from site_commands import commands_page

ROOT = Path(__file__).resolve().parent.parent
TOP = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASE.md": "release.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Pages outside docs/, where they exist, and where the site has them."""
FOLDERS = {"docs/adr": "Decisions", "docs/extending": "Extending"}
"""Linked as folders, which a code host lists: the site has a page for each."""
WIDE = ("docs/columns.md", "docs/findings.md")
"""Pages whose tables take the room of the list of headings."""

_CODE = r"^ *```.*?^ *```$|^ {4}[^\n]*$|`[^`]+`"
_LINK = re.compile(
    rf"(?P<code>{_CODE})|(?P<image>!\[[^\]]*\])\((?P<source>[^)\s]+)\)|\[(?P<words>[^\]]*)\]\((?P<target>[^)\s]+)\)",
    re.MULTILINE | re.DOTALL,
)
"""A link or a picture; or code, which is found first and left alone."""
_FENCE = re.compile(r"^ *```")
_ITEM = re.compile(r" *([-*]|\d+\.) ")
_FIRST_ITEM = re.compile(r" *([-*]|1\.) ")


def site_paths() -> dict[str, str]:
    """Every file that the site has, from the checkout's root -> from the site's."""
    paths = {page: goal for page, goal in TOP.items() if (ROOT / page).exists()}
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.is_file():
            inside = path.relative_to(ROOT / "docs").as_posix()
            paths[f"docs/{inside}"] = re.sub(r"(^|/)README\.md$", r"\1index.md", inside)
    return paths | {folder: f"{folder.removeprefix('docs/')}/index.md" for folder in FOLDERS}


def site_link(target: str, page: str, paths: dict[str, str]) -> str | None:
    """Where a link of a page leads on the site; None where the site does not have that file of the checkout.

    What is nowhere stays as it is: the build names it.
    """
    path, mark, anchor = target.partition("#")
    if "://" in target or not path:
        return target
    goal = os.path.normpath(os.path.join(os.path.dirname(page), path))
    if goal not in paths:
        return None if (ROOT / goal).exists() else target
    return os.path.relpath(paths[goal], os.path.dirname(paths[page]) or ".") + mark + anchor


def with_site_links(text: str, page: str, paths: dict[str, str]) -> str:
    """A page whose links lead to pages of the site; of one to a file that it does not have, the words.

    A link whose words are a page's file is called by that page's heading.
    """

    def replaced(found: re.Match[str]) -> str:
        if found["code"]:
            return found[0]
        if found["image"]:
            picture = site_link(found["source"], page, paths)
            return f"[{found['image']}({picture})]({picture})"  # a phone shows it small: a tap opens it
        goal, words = site_link(found["target"], page, paths), found["words"]
        if goal is None:
            return words
        if re.fullmatch(r"[\w/-]+\.md", words):
            words = heading(ROOT / os.path.normpath(os.path.join(os.path.dirname(page), found["target"].split("#")[0])))
        return f"[{words}]({goal})"

    return _LINK.sub(replaced, text)


def heading(page: Path) -> str:
    """A page's first line."""
    return page.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ")


def site_lines(text: str) -> Iterator[str]:
    """A page's lines for Python-Markdown.

    It wants an empty line before a list that follows a paragraph, and one word behind the mark of a code block.
    """
    fenced, before, in_list = False, "", False
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
            yield re.sub(r"^( *```\w+) .*", r"\1", line)
        elif fenced or line.startswith("    "):
            yield line
        else:
            if _ITEM.match(line) and (in_list or not before.strip()):
                in_list = True
            elif _FIRST_ITEM.match(line):
                yield ""
                in_list = True
            else:
                in_list = in_list and bool(before.strip())
            yield line
        before = line


def folder_page(folder: str, title: str) -> str:
    """The list of a folder's pages, by their headings."""
    pages = sorted((ROOT / folder).glob("*.md"))
    return "\n".join([f"# {title}", "", *(f"- [{heading(page)}]({page.name})" for page in pages), ""])


def write_pages(output: Path) -> None:
    """Write every page and picture below a folder, which is emptied first."""
    shutil.rmtree(output, ignore_errors=True)
    paths = site_paths()
    for source, goal in paths.items():
        (output / goal).parent.mkdir(parents=True, exist_ok=True)
        if source in FOLDERS:
            (output / goal).write_text(folder_page(source, FOLDERS[source]), encoding="utf-8")
        elif source.endswith(".md"):
            text = with_site_links((ROOT / source).read_text(encoding="utf-8"), source, paths)
            front = ["---", "hide: [toc]", "---", ""] if source in WIDE else []
            (output / goal).write_text("\n".join([*front, *site_lines(text), ""]), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / source, output / goal)
    (output / "commands.md").write_text(commands_page(), encoding="utf-8")
    shutil.copyfile(ROOT / "scripts/site.css", output / "site.css")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
