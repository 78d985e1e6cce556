"""Runs that are kept and compared, and what becomes of them in docs/performance.md."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import document, growth, kept
from benchmarks.chart import LEFT, RIGHT, WIDTH, Group, bars
from devtools.paths import CHECKOUT

ROW = {"per_second": 300.0, "p50_ms": 40.0, "p95_ms": 90.0, "p99_ms": 99.0, "cpu_ms": 2.0, "database_cpu_ms": 0.5}
CALLS = {name: dict(ROW) for name in document.PICTURED}
BESIDE = {"event": {"ours": ROW, "theirs": ROW | {"cpu_ms": 1.0}, "times_per_second": 0.5, "times_cpu": 0.5}}
PROCESS = {"cold_start_s": 2.5, "idle_mb": 120.0, "loaded_mb": 150.0, "calls": CALLS}
CHAT = ROW | {"delivered": 1.0, "doubled": 0, "out_of_order": 0}
TWO = {"one": ROW, "two": ROW, "times_per_second": 1.8, "times_cpu": 1.05}


def bench(**other: Any) -> dict[str, Any]:
    head = {"kind": "bench", "date": "2026-11-28 13:00", "commit": "abc", "machine": "2 cores", "load_generator": "wrk"}
    one_port = PROCESS | {"kb_a_socket": 18.0, "chat": {"80": CHAT, "640": CHAT | {"p99_ms": 400.0}}}
    two = {"web": {"event": TWO}, "sockets": TWO}
    return head | {"web": PROCESS, "by_hand": BESIDE, "one_port": one_port, "two": two} | other


def test_a_run_is_compared_with_the_newest_of_its_kind(tmp_path: Path) -> None:
    assert kept.report(bench(), kept.last("bench", tmp_path)) == ["No earlier run is kept: nothing to compare with."]
    for name, figures in {"2026-01-01T000000-a": {"commit": "old"}, "2026-01-02T000000-b": {"commit": "new"}}.items():
        (tmp_path / f"{name}.json").write_text(f'{{"kind": "bench", "commit": "{figures["commit"]}"}}')
    kept.keep(bench(kind="quick"), tmp_path)
    found = kept.last("bench", tmp_path)
    assert found is not None
    assert found["commit"] == "new"


def test_figures_that_grew_are_named_and_noise_is_not() -> None:
    before, now = bench(), bench()
    now["web"] = PROCESS | {"calls": CALLS | {"event": ROW | {"cpu_ms": 2.4}, "events": ROW | {"cpu_ms": 2.2}}}
    lines = kept.report(now, before)
    assert [line for line in lines if "SLOWER" in line] == [
        "  SLOWER  web: calls: event: cpu_ms is 1.20 times what it was"
    ]
    assert "1 slower, 0 quicker" in lines[-1]


def test_requests_a_second_are_not_compared_between_runs() -> None:
    now = bench(web=PROCESS | {"calls": CALLS | {"event": ROW | {"per_second": 3.0}}})
    assert "0 slower, 0 quicker" in kept.report(now, bench())[-1]


def test_pages_are_compared_by_their_addresses_without_numbers() -> None:
    rows = growth.growth({"/a/1/": 10.0, "/a/2/": 20.0, "/b/": 1.0}, {"/a/7/": 30.0, "/b/": 2.0, "/c/": 9.0})
    assert rows == {
        "/b/": {"small_ms": 1.0, "large_ms": 2.0, "ratio": 2.0},
        "/a/#/": {"small_ms": 20.0, "large_ms": 30.0, "ratio": 1.5},
    }
    assert list(growth.grown(rows)) == ["/a/#/"]  # a millisecond more says nothing


def test_the_picture_is_drawn_to_scale_for_light_pages_and_dark_ones() -> None:
    text = bars("CPU & more", ("ours", "theirs"), [Group("event", (2.0, 4.0)), Group("stories", (1.0, None))])
    root = ElementTree.fromstring(text)  # noqa: S314  # written by us a line above
    widths = [
        float(bar.attrib["width"])
        for bar in root.iter("{http://www.w3.org/2000/svg}rect")
        if bar.attrib["height"] == "14"
    ]
    assert [round(width / widths[1], 2) for width in widths] == [0.5, 1.0, 0.25]
    assert max(widths) == WIDTH - LEFT - RIGHT
    assert "prefers-color-scheme: dark" in text
    assert root.attrib["role"] == "img"


def test_figures_go_between_the_markers_of_the_page_and_nowhere_else(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / document.PAGE).read_text()
    (tmp_path / document.PAGE).write_text(page)
    document.write(document.merged({}, bench(peer=BESIDE)), tmp_path)
    document.write(document.kept_figures(tmp_path), tmp_path)  # once more changes nothing
    written = (tmp_path / document.PAGE).read_text()
    assert "| event | 300 | 40 | 99 | 2 | 0.50 | 300 |" in written
    assert "one web process (one core) | 350 | 3,500 |" in written
    assert "| messages a second, ten sockets each, all delivered, p99 below 100 ms | 80 |" in written
    outside = document.re.compile(r"(<!-- ([a-z ]+) -->\n).*?(<!-- /\2 -->)", document.re.DOTALL)
    assert outside.sub(r"\1\3", written) == outside.sub(r"\1\3", page)
    assert "by hand" in (tmp_path / document.SVG).read_text()


def test_figures_of_the_peer_stay_where_it_was_not_measured_anew() -> None:
    before = document.merged({}, bench(peer=BESIDE))
    assert document.merged(before, bench())["bench"]["peer"] == BESIDE


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(SystemExit, match="no markers for “sizing”"):
        document.between("# Performance", "sizing", "x")
