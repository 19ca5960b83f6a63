"""The documentation site: built strict from the checkout, its links and its tables held against the pages."""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import site_pages
from markdown_it import MarkdownIt
from site_build import build_site
from site_commands import commands_page

from roofprof.cli.commands import COMMANDS

pytest.importorskip("zensical")


@dataclass
class Page(HTMLParser):
    """What a built page links to, loads, and offers as anchors."""

    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    tags: Counter[str] = field(default_factory=Counter)
    inside: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.inside = self.inside or tag == "article"
        if self.inside:
            self.tags[tag] += 1
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        elif loaded := given.get("src") or (given.get("href") if tag == "link" else None):
            self.loaded.append(loaded)
        self.anchors.update(value for name in ("id", "name") if (value := given.get(name)))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "article"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Every built page of ours, parsed."""
    found = {}
    for path in site.rglob("*.html"):
        if path.name == "index.html":
            found[path] = Page()
            found[path].feed(path.read_text(encoding="utf-8"))
    return found


def test_links_and_pictures_lead_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    assert len(pages) > 50
    for path, page in pages.items():
        for link in (*page.links, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            goal = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            goal = goal / "index.html" if goal.is_dir() else goal
            assert goal.is_file(), f"{path.relative_to(site)}: {link}"
            if parts.fragment and goal in pages:
                assert unquote(parts.fragment) in pages[goal].anchors, f"{path.relative_to(site)}: {link}"


def test_a_page_asks_nothing_of_other_machines(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert not [url for url in page.loaded if urlsplit(url).netloc], path.relative_to(site)
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import )['\"]?(?:https?:)?//[^)\s]*", styles)


def test_every_page_is_in_the_navigation_once(root: Path, site: Path) -> None:
    listed = re.findall(
        r"^ +- (?:.+: )?([\w/.-]+\.md)$", (root / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE
    )
    written = {path.relative_to(site.parent / "pages").as_posix() for path in (site.parent / "pages").rglob("*.md")}
    assert Counter(listed) == Counter(written), "mkdocs.yml lists pages under nav"


@pytest.mark.parametrize("source", sorted(source for source in site_pages.site_paths() if source.endswith(".md")))
def test_a_page_is_read_as_a_code_host_reads_it(root: Path, site: Path, pages: dict[Path, Page], source: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse((root / source).read_text(encoding="utf-8"))
    wanted = Counter(token.tag for token in tokens if token.nesting == 1)
    wanted["pre"] = sum(token.type in ("fence", "code_block") for token in tokens)
    goal = site / site_pages.site_paths()[source].removesuffix(".md")
    built = pages[(goal.parent if goal.name == "index" else goal) / "index.html"].tags
    for tag in ("ol", "ul", "li", "table", "tr", "th", "td", "pre", "h1", "h2", "h3", "h4"):
        assert built[tag] == wanted[tag], tag


def test_every_command_and_option_is_on_the_page_of_commands() -> None:
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", commands_page(), re.MULTILINE | re.DOTALL))
    assert list(sections) == list(COMMANDS)
    for name, text in sections.items():
        for parameter in COMMANDS[name].load(name).params:
            if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False):
                assert parameter.opts[-1] in text
                assert (getattr(parameter, "help", None) or "").split(":")[0][:30].replace("|", "\\|") in text


def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path, root: Path) -> None:
    (tmp_path / "build/site/pages").mkdir(parents=True)
    (tmp_path / "build/site/pages/index.md").write_text("# A\n\n[b](b.md) and [c](#c)\n")
    settings, _, _ = (root / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")
    (tmp_path / "mkdocs.yml").write_text(settings)
    done = build_site(tmp_path)
    assert done.returncode != 0
    assert (done.stdout + done.stderr).count("does not exist") >= 2
