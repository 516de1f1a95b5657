"""Pages for customers: renders jinja2 templates to PDF with WeasyPrint. Only this module uses it."""

import logging
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2

from coffre import toolchain
from coffre.correspondence import french
from coffre.errors import ExpectedError

# PDF/A for archives. With an attached file it is part 4: a signature needs PDF 2.0, which part 3 does not allow.
_PLAIN, _CARRYING = "pdf/a-3b", "pdf/a-4f"
_FILTERS = {
    "day": french.format_day,
    "moment": french.format_moment,
    "number": french.format_count,
    "size": french.format_size,
    "siren": french.format_siren,
}


@dataclass(frozen=True)
class Enclosure:
    """A file attached to a PDF; PDF readers show ``description`` beside its name."""

    name: str
    content: bytes
    description: str


def render_text(template: str, facts: Mapping[str, object]) -> str:
    """Return a plain text from a template below templates/."""
    return _environment(is_html=False).get_template(template).render(facts)


def render_html(template: str, facts: Mapping[str, object]) -> str:
    """Return the HTML of a page, in which every value is text and no markup."""
    return _environment(is_html=True).get_template(template).render(facts)


def render_pdf(
    template: str, style_sheets: Sequence[str], facts: Mapping[str, object], enclosures: Sequence[Enclosure] = ()
) -> bytes:
    """Return a PDF/A from an HTML template below templates/, with its attached files."""
    html = render_html(template, facts)
    sheets = [toolchain.bundled(f"templates/{name}").read_text(encoding="utf-8") for name in style_sheets]
    weasyprint = _import_weasyprint()
    # Nothing is downloaded: a page contains everything that it needs.
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=())
    attachments = [
        weasyprint.Attachment(
            string=each.content, name=each.name, description=each.description, relationship="Data", url_fetcher=fetcher
        )
        for each in enclosures
    ]
    document = weasyprint.HTML(string=html, url_fetcher=fetcher)
    with warnings.catch_warnings():
        # WeasyPrint leaves the file of its colour profile open.
        warnings.filterwarnings("ignore", r"unclosed file .*\.icc", ResourceWarning)
        content: bytes = document.write_pdf(
            stylesheets=[weasyprint.CSS(string=sheet, url_fetcher=fetcher) for sheet in sheets],
            attachments=attachments,
            pdf_variant=_CARRYING if enclosures else _PLAIN,
            pdf_tags=True,  # who cannot see a paper has it read aloud, in the order of its parts
        )
    return content


class _FrenchLoader(jinja2.FileSystemLoader):
    """Reads templates and applies French typography to their text; inserted values, like paths, do not change."""

    _CODE = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, name, is_current = super().get_source(environment, template)
        pieces = self._CODE.split(source)
        pieces[::2] = [french.typeset(piece) for piece in pieces[::2]]
        return "".join(pieces), name, is_current


@cache
def _environment(*, is_html: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=is_html,  # noqa: S701 - letters are HTML and escaped, e-mails are plain text
        loader=_FrenchLoader(toolchain.bundled("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_FILTERS)
    environment.globals["count"] = french.count
    return environment


def _import_weasyprint() -> Any:
    """Import WeasyPrint only for a page: it loads Pango and takes half a second, which other commands must not pay."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    try:
        import weasyprint
    except OSError as error:
        raise ExpectedError(
            "letters cannot be laid out: a library that WeasyPrint needs (Pango) is missing", "Run `make setup`."
        ) from error
    return weasyprint
