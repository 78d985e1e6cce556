"""The documentation names only files, functions, tests and commands that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from devtools.paths import CHECKOUT

PAGES = [*sorted(CHECKOUT.glob("docs/**/*.md")), CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md"]
FOLDERS = (
    "admin_dashboards",
    "api",
    "apps",
    "benchmarks",
    "config",
    "demo",
    "deploy",
    "devtools",
    "ops",
    "templates",
    "tests",
)
SUFFIXES = ("cfg", "conf", "css", "html", "js", "md", "po", "py", "sh", "toml", "txt", "yml")

ELSEWHERE = {
    "HttpBearer": "of django-ninja",
    "PUBLISH": "a command of Valkey",
    "StaticToken.token": "of django-otp",
    "TOTPDevice.key": "of django-otp",
    "python3": "a program",
    "redis-server": "a program",
    "token_blacklist": "of django-ninja-jwt",
    "utils.py": "a name that no file is to have",
    "var/duplicates.json": "written by a command",
    "var/test-schema": "written by the tests",
}
"""What is named and lies outside of the checkout, each with the reason."""

QUOTED = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#:\s]+)[^):\s]*\)")
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
PATH = re.compile(rf"(?=.*(?:/|\.(?:{'|'.join(SUFFIXES)})$))[\w.*<>-][\w./*<>-]*")
MEMBER = re.compile(r"([\w./]+?)(?:\.py::|(?<=\w)\.)([A-Za-z_]\w*)(?:\(.*\))?")
NAME = re.compile(r"@?([A-Za-z_]\w*(?:\.\w+)*)(?:\(.*\))?")


@cache
def files() -> tuple[str, ...]:
    """The files and folders of the checkout that documentation may name."""
    roots = [path for path in CHECKOUT.iterdir() if path.name not in {".git", ".venv", "var"}]
    inside = [path for root in roots if root.is_dir() for path in root.rglob("*") if "__pycache__" not in path.parts]
    return tuple(path.relative_to(CHECKOUT).as_posix() for path in [*roots, *inside])


@cache
def names() -> frozenset[str]:
    """All names and words of the code."""
    texts = (
        file.read_text()
        for folder in FOLDERS
        for file in (CHECKOUT / folder).rglob("*")
        if file.suffix in {".py", ".html", ".js", ".conf", ".yml"} and file.name != "test_docs.py"
    )
    return frozenset(word for text in texts for word in re.findall(r"\w+", text))


def exists(path: str, page: Path) -> bool:
    """Whether a path is there: from the checkout, from `apps`, beside the page, or as a file's name alone.

    `<…>` and `*` stand for any name.
    """
    wanted = re.escape(re.sub(r"<\w+>", "*", path.rstrip("/"))).replace(r"\*", "[^/]*")
    beside = page.parent.relative_to(CHECKOUT).as_posix()
    before = "(?:.*/)?" if "/" not in path.rstrip("/") else f"(?:apps/|{re.escape(beside)}/)?"
    return any(re.fullmatch(before + wanted, file) for file in files())


def defines(module: str, name: str) -> bool | None:
    """Whether a module has the name; None where there is no such module."""
    for root in ("", "apps/"):
        file = CHECKOUT / f"{root}{module.replace('.', '/')}.py"
        if file.is_file():
            return re.search(rf"\b(?:def|class) {name}\b|^{name}\b", file.read_text(), re.MULTILINE) is not None
    return None


def runs(command: str) -> bool | None:
    """Whether a command is there: a target of make, a module, a command of Django. None for other text."""
    if match := re.search(r"\bmake ([a-z-]+)", command):
        return re.search(rf"^{match[1]}:", (CHECKOUT / "Makefile").read_text(), re.MULTILINE) is not None
    if match := re.search(r"\bpython -m (?!pytest)([\w.]+)", command):
        return exists(f"{match[1].replace('.', '/')}.py", CHECKOUT / "README.md")
    if match := re.search(r"\bmanage\.py (\w+)", command):
        return any(file.endswith(f"/management/commands/{match[1]}.py") for file in files())
    return None


def is_there(text: str, page: Path) -> bool:
    """Whether what is quoted exists; also where it names nothing of the code."""
    if text in ELSEWHERE or text.startswith(("/", "-", "<")):
        return True
    if (found := runs(text)) is not None:
        return found
    if PATH.fullmatch(text) and exists(text, page):
        return True
    if (match := MEMBER.fullmatch(text)) and (found := defines(match[1], match[2])) is not None:
        return found
    if PATH.fullmatch(text):
        return False
    if match := NAME.fullmatch(text):
        return exists(match[1].replace(".", "/"), page) or set(match[1].split(".")) <= names()
    return "::" not in text


def missing(page: Path, text: str) -> Iterator[str]:
    prose = BLOCK.sub("", text)
    for quoted in QUOTED.findall(prose):
        if not is_there(quoted, page):
            yield quoted
    for target in LINK.findall(prose):
        if not (page.parent / target).exists():
            yield target


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.relative_to(CHECKOUT).as_posix())
def test_documentation_names_only_what_exists(document: Path) -> None:
    assert not list(missing(document, document.read_text()))


@pytest.mark.parametrize(
    "text",
    [
        "`apps/review/absent.py`",
        "`apps/<app>/absent.py`",
        "`absent.py`",
        "`review/claims.absent`",
        "`apps.infra.valkey.absent`",
        "`tests/architecture/test_docs.py::test_absent`",
        "`tests/architecture/absent.py::test_documentation_names_only_what_exists`",
        "`test_" + "absent_names`",
        "`make absent`",
        "`python -m devtools.absent`",
        "`manage.py absent`",
        "`@absent_" + "decorator`",
        "[page](absent.md)",
    ],
)
def test_missing_names_are_found(text: str) -> None:
    assert list(missing(CHECKOUT / "docs" / "testing.md", text))


@pytest.mark.parametrize(
    "text",
    [
        "`apps/review/claims.py`",
        "`apps/<app>/permissions.py`",
        "`*_browser.py`",
        "`review/claims.claim`",
        "`apps.infra.valkey`",
        "`tests/architecture/test_docs.py::test_missing_names_are_found`",
        "`lock_for_work(…)`",
        "`make lint`",
        "`POST /api/reports`",
        "[page](glossary.md)",
    ],
)
def test_existing_names_are_not_reported(text: str) -> None:
    assert not list(missing(CHECKOUT / "docs" / "testing.md", text))
