"""
A report as one HTML page that runs nothing and fetches nothing.

INVARIANT: every value a template prints goes through `_finalize`, which makes it visible, and then through HTML's escaping. A
template cannot forget it, and there is no way around it but `Markup`, of which this module makes one: the stylesheet.

The page's policy names the hash of that stylesheet and allows nothing else, so not even a mistake here would run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from approvals.display import escaped, visible
from approvals.sources import CITED, WHERE
from audit.report.compose import Report
from audit.report.drawing import PATHS
from audit.report.pieces import Shown
from audit.report.times import clock, second, span, stamp

PAGE, STYLE = "page.html", "style.css"
TEMPLATES = (PAGE, "parts.html", "timeline.html", "proposals.html", "evidence.html", STYLE)
"""The files that make a page; they lie beside this module, in `templates`."""


def page(report: Report, templates: Mapping[str, str]) -> str:
    """
    The page of *report*.

    Args:
        templates: The text of each of TEMPLATES, by name.
    """
    style = templates[STYLE]
    return (
        environment(templates)
        .get_template(PAGE)
        .render(
            report=report,
            # The one text of the page that is not escaped: ours.
            style=Markup(style),  # noqa: S704
            policy=f"default-src 'none'; style-src '{style_hash(style)}'; base-uri 'none'; form-action 'none'",
        )
    )


def style_hash(style: str) -> str:
    """As a content security policy names the text of a style element."""
    return f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}"


def environment(templates: Mapping[str, str]) -> Environment:
    """The environment that pages are made in."""
    found = Environment(
        loader=DictLoader(dict(templates)),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"where": WHERE, "cited": CITED}
    found.globals["keys"] = {shape.value: path.format(x=0.0, y=0.0) for shape, path in PATHS.items()}
    found.filters |= {
        "clock": clock,
        "second": second,
        "stamp": stamp,
        "span": span,
        "short": lambda digest: str(digest)[:12],
        "place": lambda number: f"{number:.2f}".rstrip("0").rstrip("."),
        "exact": lambda number: f"{number:.6f}",
        "grouped": lambda number: f"{number:,}",
    }
    return found


def _finalize(value: object) -> str:
    """*value* as text that shows all there is; anything but text and whole numbers is a mistake in a template."""
    match value:
        case Markup():
            return value
        case Shown():
            # Escaping once more changes nothing, unless somebody took an unsafe text for a safe one.
            return escaped(value)
        case str():
            return visible(value)
        case bool():
            raise TypeError("a page prints words, not booleans")
        case int():
            return str(value)
    raise TypeError(f"a page cannot print a {type(value).__name__}")
