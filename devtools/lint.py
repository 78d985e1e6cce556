"""Everything that can be said of the code without running it: `make lint`."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from devtools.paths import CHECKOUT

CODE = (
    "admin_dashboards",
    "api",
    "apps",
    "benchmarks",
    "config",
    "demo",
    "devtools",
    "ops",
    "tests",
    "infloo_verify.py",
    "manage.py",
)
PYTHON = sys.executable
# The settings load under DEBUG; nothing connects anywhere.
ENVIRONMENT = {
    "DEBUG": "1",
    "DATABASE_URL": "postgresql:///none",
    "REDIS_URL": "unix:///none",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}


def checks() -> dict[str, list[str]]:
    code = [name for name in CODE if (CHECKOUT / name).exists()]
    return {
        "types": [PYTHON, "-m", "mypy", *code],
        "format": [PYTHON, "-m", "ruff", "format", "--check", "."],
        "rules": [PYTHON, "-m", "ruff", "check", "--quiet", "."],
        "imports": [PYTHON, "-c", "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"],
        "migrations": [PYTHON, "-m", "devtools.lint", "migrations"],
        "templates": [PYTHON, "-m", "djlint", "--quiet", "--lint", "templates", "admin_dashboards"],
        "audit": [PYTHON, "-m", "devtools.audit"],
    }


def check_migrations() -> None:
    """Whether models and migrations agree, which needs no database."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.DATABASES["default"] = {"ENGINE": "django.db.backends.dummy"}
    django.setup()
    call_command("makemigrations", "--check", "--dry-run")


def run(name: str, command: list[str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=os.environ | ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    well = done.returncode == 0
    print(f"{name:12}{'ok' if well else 'FAILED':8}{time.monotonic() - started:5.1f} s", flush=True)
    if not well or done.stdout.startswith("skipped"):
        print(done.stdout, flush=True)
    return well


def main() -> None:
    if sys.argv[1:] == ["migrations"]:
        check_migrations()
        return
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, *zip(*checks().items(), strict=True)))
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
