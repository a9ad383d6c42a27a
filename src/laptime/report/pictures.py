"""Charts as PNG, drawn by resvg from the SVG, with the fonts of this machine."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from laptime.comparison.result import read_result
from laptime.errors import UserError
from laptime.report import page
from laptime.report.charts import Chart, draw_charts
from laptime.report.language import choose_language
from laptime.report.own_files import refuse_foreign, write_own_picture
from laptime.report.quantities import Lang
from laptime.report.sanitising import sanitise
from laptime.report.style import read_template

EXTRA = "png"
_ZOOM = 1.5  # of the SVG's own size: sharp on a page that shows it at half of that
_FAMILIES = '"Noto Sans CJK KR","Noto Sans KR","NanumGothic","Apple SD Gothic Neo","Malgun Gothic",sans-serif'
_HANGUL = ("가", "뷁")  # two syllables: without a font that has them both are the same blank box


def draw_picture(chart: Chart) -> bytes:
    """Return a chart as PNG, on light paper.

    Raises UserError where resvg is not installed, and where the chart holds Korean and no font here does.
    """
    svg = chart.render(_flatten_style())
    if re.search("[가-힣]", re.sub(r"<(title|desc)\b.*?</\1>", "", svg)):
        _check_font()
    return _draw(svg)


def write_pictures(folder: Path, lang: Lang | None = None) -> list[Path]:
    """Write every chart of the comparison in `folder` as PNG beside its SVG; returns the files written.

    Raises UserError, before anything is written, for a file that is not ours, and as `draw_picture` does.
    """
    result = sanitise(read_result(folder))
    charts = draw_charts(result, choose_language(lang or page.find_language(folder), result))
    files = {folder / page.CHARTS_FOLDER / f"{chart.name}.png": draw_picture(chart) for chart in charts}
    refuse_foreign(files)
    for path, png in files.items():
        write_own_picture(path, png)
    return list(files)


def check_pictures(lang: Lang = "en") -> None:
    """Raise UserError, before anything is written, where no pictures can be drawn in a language."""
    if lang == "ko":
        _check_font()
    _draw('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')


@cache
def _check_font() -> None:
    """Raise UserError where no font on this machine has Korean letters."""
    shown = {_draw(f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="16" '
                   f"font-family='{_FAMILIES}'>{letter}</text></svg>") for letter in _HANGUL}  # fmt: skip
    if len(shown) < len(_HANGUL):
        raise UserError(
            "--readme, --png: no font on this machine has Korean letters; install one (apt install "
            "fonts-nanum, or fonts-noto-cjk) and repeat, or use --lang en"
        )


def _draw(svg: str) -> bytes:
    try:
        import resvg_py
    except ImportError:
        raise UserError(
            f"--readme, --png: resvg-py is not installed; pip install 'laptime[{EXTRA}]'; report.md shows "
            f"the same charts as SVG"
        ) from None
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=_ZOOM))


@cache
def _flatten_style() -> str:
    """Return the style of charts without what resvg does not know: variables, and a style for the dark."""
    style = re.sub(r"@media[^{]*\{:root\{[^}]*\}\}", "", read_template("chart.css"))
    values = dict(re.findall(r"--([\w-]+):([^;}]+)", style))
    style = re.sub(r":root\{[^}]*\}", "", style)
    style = re.sub(r"font-family:[^;}]+", f"font-family:{_FAMILIES}", style)
    return re.sub(r"var\(--([\w-]+)\)", lambda found: values[found[1]], style)
