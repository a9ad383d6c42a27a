"""Every number that a chart shows stands in words too; bars begin at zero; rounds are shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from laptime.comparison.result import ComparisonResult
from laptime.report.charts import Chart, draw_charts
from laptime.report.drawing import WIDTH
from laptime.report.language import Language
from laptime.report.plots import Points, Series, draw_frame, label_ends, label_room
from laptime.report.sanitising import sanitise
from tests.report import invented


def charts_of(result: ComparisonResult) -> dict[str, Chart]:
    return {chart.name: chart for chart in draw_charts(sanitise(result), Language("en"))}


def bar_widths(chart: Chart, kind: str) -> list[float]:
    return [
        float(width) for width in re.findall(rf'<rect class="{kind}"[^>]* width="([\d.]+)"', chart.render())
    ]


def test_bars_are_as_long_as_their_values_however_far_apart() -> None:
    result = invented.make_extreme()
    saved = charts_of(result)["saved_bytes"]
    (full,), (lora,) = bar_widths(saved, "fill m0"), bar_widths(saved, "fill m1")
    assert lora == pytest.approx(max(1.5, full * 45_118_424 / 2_471_645_608), abs=0.2)
    assert dict(saved.rows) == {"Full fine-tuning": "2.5 GB (54.8x)", "LoRA": "45 MB"}


def test_phases_and_parts_of_a_step_stand_in_words() -> None:
    charts = charts_of(invented.make_result())
    phases = dict(charts["time_by_phase"].rows)["LoRA"]
    assert phases == (
        "14.5 s, import 3.1 s, load 1.20 s, prepare 300 ms, warm-up 400 ms, training 9.3 s, saving 200 ms, "
        "rounds 14.5 s · 14.3 s · 14.7 s"
    )
    step = dict(charts["time_in_step"].rows)["Full fine-tuning"]
    assert step.startswith("421 ms (2.31x), data 1.0 ms, forward 129 ms, backward 181 ms, optimizer 116 ms")
    for chart in charts.values():
        shown = {
            unescape(text) for text in re.findall(r'<text class="label strong"[^>]*>([^<]*)<', chart.render())
        }
        assert all(any(text in said for _, said in chart.rows) for text in shown), chart.name
        assert chart.rows and chart.figures in unescape(chart.render())


def test_a_peak_is_split_by_its_estimate() -> None:
    result = invented.make_result()
    assert dict(charts_of(result)["memory"].rows)["LoRA"] == "3.1 GB"
    for row in result.methods:
        row.fixed_bytes = 2_600_000_000
    memory = charts_of(result)["memory"]
    assert dict(memory.rows)["LoRA"] == (
        "3.1 GB, weights 2.5 GB, gradients and optimizer 106 MB, activations, libraries and the rest 470 MB"
    )
    widths = [bar_widths(memory, kind)[0] for kind in ("fill m1", "fill m1 light", "fill m1 lighter")]
    assert widths[0] > widths[2] > widths[1]
    result.methods[1].fixed_bytes = 9_000_000_000  # an estimate above what was measured splits nothing
    assert dict(charts_of(result)["memory"].rows)["LoRA"] == "3.1 GB"


def test_losses_of_all_rounds_are_drawn() -> None:
    result = invented.make_result()
    assert "thin" not in charts_of(result)["loss_by_step"].render(), "equal rounds are one line"
    for row in result.methods:
        row.train_losses_by_round = {number: [4.0 / number, 2.0, 1.0 * number] for number in (1, 2, 3)}
    chart = charts_of(result)["loss_by_step"]
    assert chart.render().count('class="thin m1"') == 3
    assert "Thin lines are single rounds" in chart.caption
    assert dict(chart.rows)["LoRA"] == "2.000 to 2.000 (least 2.000), up to step 3"
    ticks = re.findall(r'<text class="tick"[^>]*text-anchor="middle">([^<]*)<', chart.render())
    assert ticks == ["0", "1", "2", "3"]


def test_a_point_of_a_loss_tells_its_value() -> None:
    chart = charts_of(invented.make_result())["loss_by_step"]
    assert "<title>LoRA, step 1: 4.180</title>" in chart.render()
    long = charts_of(invented.make_long())["loss_by_step"].render()
    assert 20 < long.count('class="hit"') < 500


def test_ranges_of_rounds_stand_where_a_difference_is_claimed() -> None:
    quality = charts_of(invented.make_result())["time_against_quality"]
    assert quality.render().count("whisker") == 4
    assert dict(quality.rows)["LoRA"] == "9.3 s (9.1 s to 9.5 s), 1.871 (1.851 to 1.891)"
    once = charts_of(invented.make_one_round())["time_against_quality"]
    assert "whisker" not in once.render()
    assert "time_against_quality" not in charts_of(invented.make_one_failed()), "one point compares nothing"


def test_figures_stand_on_the_page_and_in_the_markdown(render: Callable[..., Path]) -> None:
    folder = render("normal")
    for name in ("report.html", "report.md"):
        text = (folder / name).read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
        assert "import 3.1 s, load 1.20 s, prepare 300 ms" in text


def test_the_race_has_a_title_ratios_ranges_and_rounds(render: Callable[..., Path]) -> None:
    page = (render("normal") / "report.html").read_text(encoding="utf-8")
    race = page.split('class="race')[1].split("</div>\n<nav")[0]
    assert "Training time, median of 3 rounds; marks are rounds" in race
    assert "2.31x" in race and "(9.1 s to 9.5 s)" in race
    assert race.count("data-tip=") == 6
    once = (render("one_round") / "report.html").read_text(encoding="utf-8")
    assert "Training time in one round" in once and "data-tip=" not in once.split("<script>")[0]


def test_names_of_lines_stand_whole_whatever_their_length() -> None:
    """Beside the ends of the lines, or, where one is too long for that, below them all."""
    points: Points = [(1.0, 3.0), (2.0, 1.0)]
    short = [Series(name, number, points) for number, name in enumerate(("LoRA", "Full fine-tuning"))]
    long = [*short, Series("LoRA on the top layers, beside another one", 2, points)]
    for series in (short, long, [Series("one-row", 0, points)]):
        room = label_room(series)
        drawing, across, up = draw_frame(series, False, "loss", "step", room)
        height = drawing.height
        label_ends(drawing, series, across, up)
        written = "".join(drawing.shapes)
        assert all(f">{each.label}</text>" in written for each in series)
        assert (drawing.height > height) == (len(series) == 3), "below, only where it must be"
        assert room <= 0.36 * WIDTH
        places = [float(x) for x in re.findall(r'<text class="label" x="([\d.]+)"', written)]
        assert len(places) == len(series) and max(places) < WIDTH
