"""How long an import takes here and in another checkout of the project, in one run: ratios, not seconds.

    python -m benchmarks.imports ../other-checkout [--rows 1000] [--rounds 3]

Each checkout migrates a database of its own. A superuser sends a file that renames as many events, and confirms it;
what a checkout leaves to the worker is done at once, and counted. The other checkout needs a `.venv` of its own.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path
from statistics import median

import psycopg

from benchmarks.serving import python_of, say
from devtools.embedded.throwaway import throwaway
from devtools.paths import CHECKOUT

MEASURE = """
import inspect, json, resource, sys, time
import django
django.setup()
from datetime import timedelta
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.utils import setup_test_environment
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from apps.audit.history import bulk_create_as
from apps.events.models import Event
from apps.users.models import Profile, User

setup_test_environment()  # pages keep what they were made of
count, round_ = int(sys.argv[1]), int(sys.argv[2])
host = User.objects.filter(username="host").first() or User.objects.create(
    username="host", email="h@x.example", role="influencer")
staff = User.objects.filter(username="staff").first() or User.objects.create(
    username="staff", email="s@x.example", is_staff=True, is_superuser=True, role="staff")
for person in (host, staff):
    Profile.objects.get_or_create(user=person)
date = timezone.now() + timedelta(days=9)
events = [Event(host=host, title=f"Event {n}", description="Come one, come all. " * 20, date=date,
                ends_at=date + timedelta(hours=2), location="Zoom") for n in range(count)]
how = "action" if "action" in inspect.signature(bulk_create_as).parameters else "reason"  # older checkouts
bulk_create_as(host, events, **{how: "event.created"})
text = "id,title\\n" + "".join(f"{event.pk},Renamed {round_} {event.pk}\\n" for event in events)
client = Client()
client.force_login(staff, backend="apps.users.backends.Accounts")
page = "/admin/events/event/import/"
client.get(page)

def work():
    for job in ProcrastinateJob.objects.filter(task_name="tables.run", status="todo").order_by("id"):
        app.tasks["tables.run"](**job.args)

def size():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before, began = size(), time.perf_counter()
answer = client.post(page, {"import_file": SimpleUploadedFile("events.csv", text.encode()), "format": "0"})
work()
seen = time.perf_counter()
if answer.status_code == 302:
    here = answer["Location"].partition("?")[0]
    client.post(here, {"action": "confirm"})
    work()
else:
    client.post("/admin/events/event/process_import/", answer.context["confirm_form"].initial)
done = time.perf_counter()
assert Event.objects.filter(title__startswith=f"Renamed {round_} ").count() == count
print(json.dumps({"preview": seen - began, "apply": done - seen, "MB": size() - before}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    checkouts = {"this": CHECKOUT, "other": options.other.resolve()}
    figures: dict[str, dict[str, list[float]]] = {name: {} for name in checkouts}
    with throwaway(durable=True) as servers:
        environments = {}
        for number, (name, checkout) in enumerate(checkouts.items()):
            environments[name] = {
                "PATH": os.environ["PATH"],
                "DEBUG": "1",
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "PYTHONPATH": str(checkout),
                "DATABASE_URL": servers.owner_database_url(f"imports_{name}"),
                "REDIS_URL": servers.redis_url(number),
            }
            with psycopg.connect(servers.owner_database_url(), autocommit=True) as session:
                session.execute(f"CREATE DATABASE imports_{name}")
            _run(checkout, environments[name], "manage.py", "migrate", "--verbosity=0")
        for number in range(options.rounds):
            say(f"Round {number + 1} of {options.rounds} ...")
            for name in sorted(checkouts, reverse=number % 2 == 1):
                written = _run(checkouts[name], environments[name], "-c", MEASURE, str(options.rows), str(number))
                for step, figure in json.loads(written.splitlines()[-1]).items():
                    figures[name].setdefault(step, []).append(figure)
    say(f"\n{options.rows:,} rows: seconds (and MB of memory more), median of the rounds; the ratio is other to this")
    for step, ours in figures["this"].items():
        mine, theirs = median(ours), median(figures["other"][step])
        say(f"  {step:<8} this {mine:7.2f}  other {theirs:7.2f}  ratio {theirs / max(mine, 0.001):6.1f}")


def _run(checkout: Path, environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [python_of(checkout), *command],
        cwd=checkout,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


if __name__ == "__main__":
    main()
