"""Reading a report's page as a browser's parser does, and what may be on one."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from audit.report.compose import Report, Source, report_of
from audit.report.page import page
from audit.verification.verify import Verifier
from policies.canonical import Digest
from tests.fakes.clock import NOON
from workers.reporting import templates

_VOID = {"meta", "!doctype"}
_PROSE = {
    "title",
    "style",
    "body",
    "header",
    "section",
    "article",
    "div",
    "p",
    "span",
    "strong",
    "code",
    "figure",
    "figcaption",
}
_LISTS = {"h1", "h2", "h3", "h4", "ul", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td"}
_DRAWN = {"svg", "g", "path", "line", "rect", "text"}
ELEMENTS = {"html", "head", *_VOID, *_PROSE, *_LISTS, *_DRAWN}
ATTRIBUTES = {
    *("class", "lang", "charset", "http-equiv", "content", "name", "scope", "role", "tabindex", "aria-label", "aria-hidden"),
    *(
        "data-h",
        "data-event",
        "data-seconds",
        "viewbox",
        "width",
        "height",
        "x",
        "y",
        "x1",
        "x2",
        "y1",
        "y2",
        "d",
        "text-anchor",
    ),
}
"""None of them runs, fetches, or leads anywhere."""


@dataclass
class Page(HTMLParser):
    """What a page holds: elements with their attributes, and all text outside of its stylesheet."""

    html: str
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    style: str = ""
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remembers an element."""
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Ends it."""
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Remembers text."""
        if self._open[-1:] == ["style"]:
            self.style += data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All text, with one blank for any number of them, as it is laid out."""
        return " ".join(" ".join(self.texts).split())

    @property
    def tags(self) -> set[str]:
        """Which elements there are."""
        return {tag for tag, _ in self.elements}

    @property
    def attributes(self) -> set[str]:
        """Which attributes there are."""
        return {name for _, attributes in self.elements for name in attributes}

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        """The attributes of each element *tag* that has these."""
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]


async def report(data: bytes, verifier: Verifier) -> Report:
    """The report of an archive, always of the same file at the same moment."""
    return report_of(await verifier.examine(data), source(data, verifier))


async def html(data: bytes, verifier: Verifier) -> str:
    """Its page."""
    return page(await report(data, verifier), templates())


def source(data: bytes, verifier: Verifier) -> Source:
    """Where a report in a test comes from."""
    trust = "trust.yaml" if verifier.trust else ""
    return Source("mission.sayso", Digest("0" * 64), len(data), trust, verifier.trust, NOON, verifier.version)


def written(path: Path, text: str) -> Path:
    """*text* in a file, for a browser."""
    path.write_text(text, encoding="utf-8")
    return path
