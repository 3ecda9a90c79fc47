# SPDX-License-Identifier: MIT
"""A summary for people: as lines for a terminal, and as a web page that needs nothing else."""

from __future__ import annotations

import base64
import html as entities
import importlib.resources
import json
import string
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from melpix.dataset.report.runs import Run
from melpix.dataset.report.summary import Group, Picture, Report
from melpix.printable import printable

_Row: TypeAlias = Sequence[str]

_TWICE = "What was converted anew may count twice until a run comes to its end."

_LINE_CLASSES, _LINE_EXAMPLES, _LINE_RUNS = 10, 3, 5  # that many on a terminal

_PAGE_CLASSES = 100


def text(summary: Report) -> Iterator[str]:
    """Lay a summary out for a terminal.

    Parameters
    ----------
    summary : Report

    Yields
    ------
    str
        Lines without their ends. Whatever names hold, a line can be printed, and stays one.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from melpix.dataset.report.summary import summarise
    >>> line = '{"source": "a.wav", "status": "failed", "code": "empty_audio"}'
    >>> with tempfile.TemporaryDirectory() as out:
    ...     _ = pathlib.Path(out, "manifest.jsonl").write_text(line)
    ...     lines = list(text(summarise([out])))
    >>> "           1  empty_audio (failed)" in lines
    True
    """
    for line in _lines(summary):
        yield printable(line).rstrip()


def _lines(summary: Report) -> Iterator[str]:
    yield from summary.outs
    yield from (f"not complete: {reason}" for reason in summary.incomplete)
    if summary.incomplete:
        yield _TWICE
    yield from _columns("", _headline(summary), "<>")
    yield from _group_lines("not converted", summary.errors)
    yield from _group_lines("flagged", summary.flagged)
    yield from _group_lines("the decoder said", [summary.heard] if summary.heard.count else [])
    classes = [(f"{n:,}", name) for name, n in summary.classes.items()]
    more = len(classes) - _LINE_CLASSES
    rest = [("...", f"and {more:,} more")] if more > 0 else []
    yield from _columns("images by class", classes[:_LINE_CLASSES] + rest, "><")
    if summary.values:
        yield from _columns(_values_title(summary), _value_rows(summary), "<>")
    if summary.runs:
        head, *runs = _run_rows(summary.runs)
        shown = [head, *runs[-_LINE_RUNS:]]
        yield from _columns("runs", [row[:-1] for row in shown], "<<>")
    for title, rows in _parameter_tables(summary):
        yield from _columns(title, rows, "<")


def _group_lines(title: str, groups: list[Group]) -> Iterator[str]:
    if groups:
        yield from ("", title)
    for group in groups:
        yield f"  {group.count:>10,}  {_group_title(group)}"
        for example in group.examples[:_LINE_EXAMPLES]:
            parts = (example.output or example.source, example.message)
            yield " " * 14 + ": ".join(filter(None, parts))


def _columns(title: str, rows: Iterable[_Row], sides: str) -> Iterator[str]:
    """Lay rows out in columns; `sides` has each one's alignment, its last all further ones'."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if cells:
        yield from ("", title) if title else ("",)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = sides.ljust(len(widths), sides[-1])
    for row in cells:
        aligned = zip(row, sides, widths, strict=True)
        yield "  " + "  ".join(f"{cell:{side}{width}}" for cell, side, width in aligned)


def html(summary: Report) -> str:
    """Lay a summary out as a web page, with a contact sheet of images from all classes.

    The page is complete in itself: it opens from a disk, fetches nothing and runs no script.

    Parameters
    ----------
    summary : Report
        The images that it names are read from their folders. In the place of those that cannot be
        shown, the page says why.

    Returns
    -------
    str
        To be written as UTF-8, which takes all of it; some MB at most. The same for the same
        summary and images.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from melpix.dataset.report.summary import summarise
    >>> line = '{"source": "<b>.wav", "status": "failed", "code": "empty_audio"}'
    >>> with tempfile.TemporaryDirectory() as out:
    ...     _ = pathlib.Path(out, "manifest.jsonl").write_text(line)
    ...     page = html(summarise([out]))
    >>> "<bdi>&lt;b&gt;.wav</bdi>" in page
    True
    """
    sections = list(_sections(summary))
    links = [_tag("li", _tag("a", title, href=f"#{key}")) for key, title, _ in sections]
    header = _tag(
        "header",
        _tag("h1", "melpix report"),
        *(_tag("p", _name(out)) for out in summary.outs),
        _state(summary),
        _tag("nav", _tag("ul", *links), aria_label="Sections"),
    )
    main = [
        _tag(
            "section",
            _tag("h2", title, id=f"{key}-title"),
            *content,
            id=key,
            aria_labelledby=f"{key}-title",
        )
        for key, title, content in sections
    ]
    skip = _tag("a", "Skip to the numbers", class_="skip", href="#main")
    page = (
        importlib.resources.files("melpix.dataset.report")
        .joinpath("report.html")
        .read_text("utf-8")
    )
    return string.Template(page).substitute(
        title=_escaped(f"melpix report: {', '.join(summary.outs)}"),
        body="\n".join((skip, header, _tag("main", *main, id="main"))),
    )


class _Html(str):
    """Text that is markup already. All other text is escaped on its way into a tag."""

    __slots__ = ()


def _escaped(text: str) -> _Html:
    return text if isinstance(text, _Html) else _Html(entities.escape(printable(text)))


def _tag(name: str, *content: str, **attributes: str) -> _Html:
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for key, value in attributes.items()
    )
    if name == "img":  # the only one here without an end tag
        return _Html(f"<img{given}>")
    return _Html(f"<{name}{given}>{''.join(map(_escaped, content))}</{name}>")


def _name(text: str) -> _Html:
    """Markup of a name, which may be written from right to left in a text that is not."""
    return _tag("bdi", text)


def _state(summary: Report) -> _Html:
    if not summary.incomplete:
        return _tag("p", "All runs came to their end.", class_="good")
    reasons = [_tag("p", "Not complete: ", _name(reason)) for reason in summary.incomplete]
    return _tag("div", *reasons, _tag("p", _TWICE), class_="bad")


def _sections(summary: Report) -> Iterator[tuple[str, str, list[_Html]]]:
    """Yield the identifier, title and content of each part of the page that there is."""
    yield "overview", "Overview", [_facts(summary)]
    errors = [_group(group) for group in summary.errors]
    yield "errors", "Not converted", errors or [_tag("p", "Nothing failed, nothing was skipped.")]
    if summary.flagged:
        yield "flagged", "Flagged", [_group(group) for group in summary.flagged]
    if summary.heard.count:
        yield "heard", "Said by the decoder", [_group(summary.heard)]
    if summary.pictures:
        yield "images", "Images", _sheet(summary)
    if summary.classes:
        yield "classes", "Classes", [_classes(summary)]
    if summary.values:
        head, *rows = _value_rows(summary)
        yield "values", "Values", [_table(_values_title(summary), head, rows, "numbers")]
    if summary.runs:
        head, *rows = _run_rows(summary.runs)
        yield "runs", "Runs", [_table("The last runs of each output", head, rows, "numbers")]
    tables = [
        _table(title, ("name", "value"), rows, "words")
        for title, rows in _parameter_tables(summary)
    ]
    if tables:
        yield "parameters", "Parameters", tables


def _facts(summary: Report) -> _Html:
    def fact(name: str, value: str) -> _Html:
        bad = name in ("failed", "unreadable lines") and value != "0"
        return _tag("div", _tag("dt", name), _tag("dd", value, class_="bad" if bad else "plain"))

    return _tag("dl", *(fact(*row) for row in _headline(summary)), class_="facts")


def _group(group: Group) -> _Html:
    title = _group_title(group)
    if any(example.output for example in group.examples):
        head = ("image", "source")
        rows = [(_name(e.output or ""), _name(e.source)) for e in group.examples]
    else:
        head = ("source", "message")
        rows = [(_name(e.source), _name(e.message)) for e in group.examples]
    which = "all of them" if group.count == len(rows) else "the first of them"
    return _tag(
        "details",
        _tag("summary", _tag("b", f"{group.count:,}"), _name(title)),
        _table(f"{title}: {which}", head, rows, "words"),
    )


def _sheet(summary: Report) -> list[_Html]:
    from melpix.dataset.report import thumbnails  # needs NumPy, which the rest does not

    pictures = summary.pictures
    made = thumbnails.of(pictures)
    if len(set(made)) == 1 and isinstance(made[0], str):  # a format without thumbnails
        return [_tag("p", f"No pictures: {made[0]}.")]
    both = zip(pictures, made, strict=True)
    figures = [_tag("li", _figure(picture, thumbnail)) for picture, thumbnail in both]
    intro = f"{len(pictures)} of {summary.images:,} images, at random, but always the same ones"
    if len(summary.classes) > 1:
        intro += "; as many of each class as there is room for"
    return [_tag("p", f"{intro}.", class_="quiet"), _tag("ul", *figures, class_="sheet")]


def _figure(picture: Picture, thumbnail: bytes | str) -> _Html:
    if isinstance(thumbnail, str):
        shown = _tag("p", f"No picture: {thumbnail}", class_="none")
    else:
        source = _Html("data:image/png;base64," + base64.b64encode(thumbnail).decode())
        shown = _tag("img", src=source, alt=f"Spectrogram of {picture.output}")
    facts = []
    if picture.offset is not None or picture.duration is not None:
        begin, length = picture.offset or 0.0, picture.duration
        facts.append(f"from {_number(begin)} s" + (f", {_number(length)} s long" if length else ""))
    if picture.lo is not None and picture.hi is not None:
        facts.append(f"values {_number(picture.lo)} to {_number(picture.hi)}")
    return _tag(
        "figure",
        shown,
        _tag(
            "figcaption",
            _name(picture.output),
            *([_tag("span", "class ", _name(picture.label))] if picture.label else []),
            *(_tag("span", fact, class_="quiet") for fact in facts),
            *([_tag("span", ", ".join(picture.flags), class_="flags")] if picture.flags else []),
        ),
    )


def _classes(summary: Report) -> _Html:
    most = max(summary.classes.values())
    rows = [
        (_name(label), f"{count:,}", _bar(count / most))
        for label, count in list(summary.classes.items())[:_PAGE_CLASSES]
    ]
    count = len(summary.classes)
    caption = (
        f"The largest {len(rows)} of {count:,} classes" if count > len(rows) else "All classes"
    )
    return _table(caption, ("class", "images", ""), rows, "numbers bars")


def _bar(part: float) -> _Html:
    return _tag("svg", _tag("rect", width=f"{100 * part:.1f}%", height="100%"), aria_hidden="true")


def _table(caption: str, head: _Row, rows: Iterable[_Row], kind: str) -> _Html:
    """Markup of a table whose first column heads its rows; it scrolls where it is too wide."""
    heads = [_tag("th", cell, scope="col") if cell else _tag("td") for cell in head]
    body = [
        _tag("tr", _tag("th", first, scope="row"), *(_tag("td", cell) for cell in cells))
        for first, *cells in rows
    ]
    table = _tag(
        "table",
        _tag("caption", caption),
        _tag("thead", _tag("tr", *heads)),
        _tag("tbody", *body),
        class_=kind,
    )
    return _tag("div", table, class_="scroll", role="region", aria_label=caption, tabindex="0")


def _headline(summary: Report) -> list[_Row]:
    counts = {
        "images": summary.images,
        "sources": summary.sources,
        "failed": summary.failed,
        "skipped": summary.skipped,
        "classes": len(summary.classes),
    }
    if summary.unreadable:
        counts["unreadable lines"] = summary.unreadable
    rows = [(name, f"{count:,}") for name, count in counts.items()]
    return [*rows, ("sound", _clock(summary.seconds))]


def _values_title(summary: Report) -> str:
    if summary.sampled == summary.images:
        return "values of all images"
    return f"values of all images; quantiles of {summary.sampled:,} of them, at random"


def _group_title(group: Group) -> str:
    return group.code if group.status == "ok" else f"{group.code} ({group.status})"


_UNITS = {"duration": "duration [s]", "sr": "sr [Hz]"}


def _value_rows(summary: Report) -> list[_Row]:
    head = ["", *next(iter(summary.values.values()))]
    rows = [
        [_UNITS.get(name, name), *map(_number, of.values())] for name, of in summary.values.items()
    ]
    return [head, *rows]


_RUN_HEAD = ["output", "started", "files", "images", "failed", "workers", "seconds", "files/s"]

_RUN_HEAD += ["x real time", "end", "work"]


def _run_rows(runs: list[Run]) -> list[_Row]:
    return [_RUN_HEAD, *map(_run_row, runs)]


def _run_row(run: Run) -> _Row:
    numbers = (run.files, run.images, run.failed, run.workers, run.seconds)
    rates = (run.files_per_second, run.times_real_time)
    end = "killed or under way" if run.seconds is None else run.stopped or "complete"
    total = sum(run.stages.values()) or 1.0
    work = ", ".join(f"{stage} {100 * s / total:.0f} %" for stage, s in run.stages.items())
    return [run.out, run.started or "-", *map(_number, numbers + rates), end, work]


def _parameter_tables(summary: Report) -> Iterator[tuple[str, list[_Row]]]:
    if len(summary.hashes) > 1:
        yield "images by parameters", [(name, f"{n:,}") for name, n in summary.hashes.items()]
    for parameters in summary.parameters:
        for kind, values in (("options", parameters.options), ("front-end", parameters.frontend)):
            title = f"{kind} of melpix {parameters.version}, parameters {parameters.hash}"
            if values:
                yield title, [(name, _short(value)) for name, value in values.items()]


def _short(value: Any) -> str:
    """A parameter's value; of a custom window the beginning."""
    shown = value if isinstance(value, str) else json.dumps(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.5g}"


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60:,}:{minutes % 60:02}:{rest:02}"
