"""The structure of the code in numbers that may fall and never rise.

`LIMITS` has the number of today for each measure, with the target behind it. Lower the number in the commit that
reaches a lower one; do not raise it. Nothing here needs the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from devtools.paths import CHECKOUT
from tests.architecture.imports import circles, import_graph, imported

PACKAGES = ("apps", "api", "admin_dashboards", "config", "ops", "devtools", "demo")
MAX_LINES = 300
MAX_TEST_LINES = 500

LONG_FILES = {
    "config/settings.py": "all settings in one file, each with its reader, in the order of the documentation",
}
"""Files that may be longer than `MAX_LINES`, each with the reason."""

LIMITS = {
    # measure: number of today  # target
    "modules of tests that import a test module": 0,  # 0
    "test names without a subject": 8,  # 20
    "test files of more than 500 lines": 0,  # 0
    "files of more than 300 lines without a reason": 0,  # 0
    "modules in import circles": 0,  # 0
    "error tables of the console": 1,  # 1
    "clients of Valkey": 1,  # 1
    "lines of JavaScript": 1711,  # 450
    "type: ignore in admin_dashboards": 28,  # 40
    "type: ignore in api": 3,  # 3
    "type: ignore in apps": 10,  # 10
    "type: ignore in config": 0,  # 0
    "type: ignore in demo": 0,  # 0
    "type: ignore in devtools": 0,  # 0
    "type: ignore in ops": 0,  # 0
    "type: ignore in tests": 17,  # 10
}

IGNORE = re.compile(r"#\s*type: ignore")
SUBJECTLESS = re.compile(r"def test_(?:it|what|not|of|who|that|where|nothing|one|they|all)_\w+")
ERROR_TABLE = re.compile(r"Refused: 403|Conflict: 409")
VALKEY_CLIENT = re.compile(r"Redis\.from_url")


@cache
def sources(*packages: str, suffix: str = ".py") -> Mapping[str, str]:
    """The text of each file of the packages by its path in the repository; migrations are left out."""
    return {
        file.relative_to(CHECKOUT).as_posix(): file.read_text()
        for package in packages
        for file in sorted((CHECKOUT / package).rglob(f"*{suffix}"))
        if "migrations" not in file.parts
    }


def lines_with(pattern: re.Pattern[str], *packages: str) -> list[str]:
    return [
        f"{path}:{number}"
        for path, text in sources(*packages).items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def longer_than(lines: int, *packages: str) -> list[str]:
    return [
        f"{path}: {length}"
        for path, text in sources(*packages).items()
        if (length := text.count("\n")) > lines and path not in LONG_FILES
    ]


def modules_in_circles() -> list[str]:
    files = {path.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): path for path in sources(*PACKAGES)}
    graph = import_graph({module: CHECKOUT / path for module, path in files.items()})
    return [module for circle in circles(graph) for module in circle]


def importers_of_tests() -> Iterator[str]:
    for path, text in sources("tests").items():
        for name in imported(text):
            if name.startswith("tests.") and re.search(r"\.test_\w+", name):
                yield f"{path} imports {name}"


def offenders(measure: str) -> list[str]:
    """What counts for a measure of `LIMITS`, each with its place."""
    match measure.partition(": ignore in "):
        case "type", _, package if package:
            return lines_with(IGNORE, package)
    match measure:
        case "modules of tests that import a test module":
            return list(importers_of_tests())
        case "test names without a subject":
            return lines_with(SUBJECTLESS, "tests")
        case "test files of more than 500 lines":
            return longer_than(MAX_TEST_LINES, "tests")
        case "files of more than 300 lines without a reason":
            return longer_than(MAX_LINES, *PACKAGES)
        case "modules in import circles":
            return modules_in_circles()
        case "error tables of the console":
            return lines_with(ERROR_TABLE, "admin_dashboards")
        case "clients of Valkey":
            return lines_with(VALKEY_CLIENT, "apps", "api", "config", "ops")
        case "lines of JavaScript":
            scripts = sources("admin_dashboards/static/admin_dashboards", suffix=".js")  # beside it stands Alpine
            return [f"{path}:{number}" for path, text in scripts.items() for number, _ in enumerate(text.splitlines())]
    raise ValueError(measure)


@pytest.mark.parametrize("measure", LIMITS)
def test_measures_of_the_structure_stay_within_their_limits(measure: str) -> None:
    found = offenders(measure)
    shown = "\n".join(found) if len(found) <= 100 else f"{found[0]} to {found[-1]}"
    assert len(found) <= LIMITS[measure], f"{measure}: {len(found)}, at most {LIMITS[measure]}\n{shown}"


def test_measures_count_the_type_ignores_of_each_package() -> None:
    assert {f"type: ignore in {package}" for package in (*PACKAGES, "tests")} <= LIMITS.keys()


def test_long_files_with_a_reason_exist() -> None:
    assert LONG_FILES.keys() <= sources(*PACKAGES).keys()


def test_import_circles_are_found_through_functions_and_packages(tmp_path: Path) -> None:
    texts = {
        "one": "def late():\n    from pack import two\n",
        "pack/__init__": "",
        "pack/two": "from . import three\n",
        "pack/three": "import one\n",
        "apart": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lone\n",
        "lone": "import apart\n",
    }
    (tmp_path / "pack").mkdir()
    files = {}
    for name, text in texts.items():
        file = tmp_path / f"{name}.py"
        file.write_text(text)
        files[name.replace("/", ".").removesuffix(".__init__")] = file
    assert circles(import_graph(files)) == [["one", "pack.three", "pack.two"]]
