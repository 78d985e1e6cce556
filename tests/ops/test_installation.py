"""What the image is built from: .dockerignore leaves out tests, benchmarks, development tools and the demo."""

import shutil
from pathlib import Path

import pytest

from devtools.paths import CHECKOUT
from tests.forks import Fork
from tests.ops.production import PRODUCTION


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installation")
    for line in (CHECKOUT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            source, place = CHECKOUT / line[1:], folder / line[1:]
            if source.is_dir():
                shutil.copytree(source, place)  # with what is compiled, which the times of the sources still fit
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, place)
    return folder


ENVIRONMENT = PRODUCTION | {"PYTHONDONTWRITEBYTECODE": "1"}


def manage(folder: Path, *command: str) -> tuple[int, str, str]:
    """Exit code, output and errors of its own manage.py; libraries are loaded already, none of our modules."""
    forked = Fork(["manage.py", *command], env=ENVIRONMENT, cwd=folder, leaves=True)
    out, err = forked.communicate()
    return forked.wait(), out, err


def test_an_installation_holds_no_tools_of_development(installation: Path) -> None:
    assert not {".git", "benchmarks", "demo", "devtools", "findings", "tests"} & {
        path.name for path in installation.iterdir()
    }


def test_an_installation_passes_its_checks(installation: Path) -> None:
    code, _out, err = manage(installation, "check", "--deploy", "--fail-level", "WARNING")
    assert code == 0, err


def test_an_installation_collects_its_static_files(installation: Path) -> None:
    code, _out, err = manage(installation, "collectstatic", "--noinput")
    assert code == 0, err
    assert (installation / "var" / "static" / "staticfiles.json").exists()


def test_an_installation_has_no_command_for_demo_data(installation: Path) -> None:
    code, out, err = manage(installation, "help", "--commands")
    assert code == 0, err
    commands = set(out.split())
    assert {"migrate", "setup_roles", "serve", "worker"} <= commands
    assert not {"seed", "demo"} & commands
