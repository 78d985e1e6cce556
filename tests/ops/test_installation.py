"""What the image is built from: .dockerignore leaves out tests, benchmarks, development tools and the demo."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.paths import CHECKOUT
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


def manage(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = PRODUCTION | {"PYTHONDONTWRITEBYTECODE": "1", "PATH": os.defpath}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_an_installation_holds_no_tools_of_development(installation: Path) -> None:
    assert not {".git", "benchmarks", "demo", "devtools", "findings", "tests"} & {
        path.name for path in installation.iterdir()
    }


def test_an_installation_passes_its_checks(installation: Path) -> None:
    done = manage(installation, "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


def test_an_installation_collects_its_static_files(installation: Path) -> None:
    done = manage(installation, "collectstatic", "--noinput")
    assert done.returncode == 0, done.stderr
    assert (installation / "var" / "static" / "staticfiles.json").exists()


def test_an_installation_has_no_command_for_demo_data(installation: Path) -> None:
    done = manage(installation, "help", "--commands")
    assert done.returncode == 0, done.stderr
    commands = set(done.stdout.split())
    assert {"migrate", "setup_roles", "serve", "worker"} <= commands
    assert not {"seed", "demo"} & commands
