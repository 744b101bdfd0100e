"""The report of a run: sections from plugins, rendered into one HTML file that runs no scripts and loads nothing."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from automl.errors import SettingsError
from automl.registry import load_registry
from automl.run_reader import open_run

if TYPE_CHECKING:
    from automl.registry import Registry
    from automl.specs import SectionSpec

LOGGER = logging.getLogger("automl")
REPORT_FILE = "report.html"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222; }}
h1 {{ font-size: 1.5em; }} h2 {{ font-size: 1.2em; margin-top: 2em; }}
table {{ border-collapse: collapse; font-size: 0.9em; }}
th, td {{ text-align: left; padding: 0.15em 0.8em; border-bottom: 1px solid #ddd; vertical-align: top; }}
td {{ overflow-wrap: anywhere; }} td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
summary {{ cursor: pointer; margin: 0.5em 0; }} .fault {{ color: #a00; }} svg {{ max-width: 100%; }}
</style>
</head>
<body>
<h1>{title}</h1>
{sections}
</body>
</html>
"""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A report that was written."""

    path: Path
    faults: tuple[str, ...]
    """Sections that could not be made, with the reason."""


def report(folder: Path | str, out: Path | str | None = None) -> Path:
    """Write what the run in `folder` did as one HTML file, ``report.html`` in its folder or `out`, and return its path.

    The run may go on, have ended or have been killed: its record is only read. A section of a plugin that fails is a line
    of the page and a warning of the logger ``automl``. Raises RunError where there is no run, SettingsError when the file
    cannot be written.
    """
    page = write_report(folder, out, load_registry())
    for fault in page.faults:
        LOGGER.warning(fault)
    return page.path


def write_report(folder: Path | str, out: Path | str | None, registry: Registry) -> Page:
    """The same with the sections of this registry; faults are returned instead of told."""
    with open_run(folder) as reader:
        run = reader.folder
    parts, faults = [], []
    for spec in sorted(registry.report_sections.values(), key=lambda spec: (spec.order, spec.name)):
        html, fault = _section(spec, run)
        parts.append(f'<section id="{escape(spec.name)}">\n{html}\n</section>' if html else "")
        faults += [fault] if fault else []
    title = escape(f"Run {run.resolve().name}")
    path = Path(out) if out is not None else run / REPORT_FILE
    _write(path, _PAGE.format(title=title, sections="\n".join(part for part in parts if part)))
    return Page(path=path, faults=tuple(faults))


def _section(spec: SectionSpec, run: Path) -> tuple[str, str]:
    """The HTML of a section, and what went wrong."""
    try:
        html = spec.load()(run)
        if not isinstance(html, str):
            raise TypeError(f"it returned a {type(html).__name__} instead of HTML as text")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code: one bad section must not cost the others
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        fault = f"section {spec.name!r} of plugin {spec.plugin!r} could not be made: {why}"
        return f'<p class="fault">{escape(fault)}</p>', fault
    return html, ""


def _write(path: Path, text: str) -> None:
    """The whole file or none of it; names of columns may hold what UTF-8 cannot say."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="xmlcharrefreplace")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SettingsError(
            f"the report {path} cannot be written: {error.strerror or error}; give another place with --out (out=)"
        ) from error
