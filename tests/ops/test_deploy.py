"""The files that operators run the platform with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from devtools.paths import CHECKOUT

DEPLOY = CHECKOUT / "deploy"
# Seconds; the defaults of production in config/settings.py.
DRAIN, STOP = 5, 30


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))


def pods() -> dict[str, dict[str, Any]]:
    """The templates of pods, by the name of what makes them."""
    return {each["metadata"]["name"]: each["spec"]["template"] for each in manifests() if "template" in each["spec"]}


def commands() -> Iterator[tuple[str, list[str]]]:
    for name, service in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].items():
        if service.get("image") == "infloo" and "command" in service:
            yield f"compose.yaml {name}", service["command"]
    for name, pod in pods().items():
        yield from ((f"kubernetes.yaml {name}", container["command"]) for container in pod["spec"]["containers"])
    for line in (DEPLOY / "Procfile").read_text().splitlines():
        if found := re.match(r"(\w+): (python .*)", line):
            yield f"Procfile {found[1]}", found[2].split()
    [line] = re.findall(r"^CMD (\[.*\])", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    yield "Dockerfile", yaml.safe_load(line)


@pytest.mark.parametrize(("place", "command"), list(commands()))
def test_a_command_takes_the_arguments_that_it_is_given(place: str, command: list[str]) -> None:
    program, manage, name, *arguments = command
    assert (program, manage) == ("python", "manage.py"), place
    load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(arguments)


def test_containers_are_given_the_time_that_they_take_to_stop() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        if service.get("image") == "infloo":
            assert int(service["stop_grace_period"].removesuffix("s")) > DRAIN + STOP, name
    for name, pod in pods().items():
        if name != "infloo-release":
            assert pod["spec"]["terminationGracePeriodSeconds"] > DRAIN + STOP, name


def test_services_and_scrapes_find_the_ports_of_their_pods() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods().items()}
    for each in manifests():
        name, spec = each["metadata"]["name"], each["spec"]
        if each["kind"] == "Service":
            [pod] = [pods()[pod] for pod, own in labels.items() if spec["selector"].items() <= own.items()]
            ports = {port["name"] for container in pod["spec"]["containers"] for port in container["ports"]}
            assert {port["targetPort"] for port in spec["ports"]} <= ports, name
        elif "matchLabels" in spec.get("selector", {}):
            assert any(spec["selector"]["matchLabels"].items() <= own.items() for own in labels.values()), name
    for pod in pods().values():
        if scraped := pod["metadata"].get("annotations"):
            [port] = [port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]]
            assert scraped["prometheus.io/port"] == str(port)
