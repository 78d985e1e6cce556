"""The files that operators run the platform with."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from devtools.embedded.archiving import archiving
from devtools.embedded.valkey import RIGHTS, USER
from devtools.paths import CHECKOUT
from ops.recovery.checks import LOST_MOST

DEPLOY = CHECKOUT / "deploy"
# Seconds; the defaults of production in config/settings.py.
DRAIN, STOP = 5, 30
IMAGES = ("infloo", "infloo-backup")


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))


def pods() -> dict[str, dict[str, Any]]:
    """The templates of pods, by the name of what makes them."""
    specs = [(each["metadata"]["name"], each["spec"].get("jobTemplate", each)["spec"]) for each in manifests()]
    return {name: spec["template"] for name, spec in specs if "template" in spec}


def commands() -> Iterator[tuple[str, list[str]]]:
    for name, service in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].items():
        if service.get("image") in IMAGES and "command" in service:
            yield f"compose.yaml {name}", service["command"]
    for name, pod in pods().items():
        yield from ((f"kubernetes.yaml {name}", container["command"]) for container in pod["spec"]["containers"])
    for line in (DEPLOY / "Procfile").read_text().splitlines():
        if found := re.match(r"(\w+): (python .*)", line):
            yield f"Procfile {found[1]}", found[2].split()
    for line in re.findall(r"^CMD (\[.*\])", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE):
        yield "Dockerfile", yaml.safe_load(line)


@pytest.mark.parametrize(("place", "command"), list(commands()))
def test_a_command_takes_the_arguments_that_it_is_given(place: str, command: list[str]) -> None:
    program, manage, name, *arguments = command
    assert (program, manage) == ("python", "manage.py"), place
    load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(arguments)


def test_containers_are_given_the_time_that_they_take_to_stop() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        if service.get("image") in IMAGES:
            assert int(service["stop_grace_period"].removesuffix("s")) > DRAIN + STOP, name
    for name, pod in pods().items():
        if "restartPolicy" not in pod["spec"]:  # a job ends by itself
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


def test_no_server_of_compose_is_open_without_a_password() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    broker, settings = services["broker"]["command"], services["web"]["environment"]
    users = " ".join(broker).split(" --user ")[1:]
    assert users == ["default off", " ".join((USER, "on", ">${BROKER_PASSWORD}", *RIGHTS))]
    assert services["database"]["environment"]["POSTGRES_PASSWORD"] == "${POSTGRES_PASSWORD}"
    for url, name in (("REDIS_URL", "BROKER_PASSWORD"), ("DATABASE_URL", "APP_PASSWORD")):
        # Unset or empty, nothing starts.
        assert f":${{{name}:?" in settings[url], url
    assert ":${BACKUP_PASSWORD:?" in services["backup"]["environment"]["BACKUP_DATABASE_URL"]
    assert "CREATE ROLE infloo_backup LOGIN REPLICATION PASSWORD" in (DEPLOY / "roles.sh").read_text()
    assert set(services["proxy"]["ports"]) == {"80:80", "443:443"}
    assert not [name for name, service in services.items() if "ports" in service and name != "proxy"]


def test_the_key_of_the_log_goes_to_those_alone_who_sign_and_verify_it() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    given = {
        name: one["environment"]["LOG_SIGNING_KEY"] for name, one in services.items() if one.get("image") in IMAGES
    }
    assert {name for name, key in given.items() if key} == {"worker", "backup"}
    secrets = {
        name: {source["secretRef"]["name"] for one in pod["spec"]["containers"] for source in one["envFrom"]}
        for name, pod in pods().items()
    }
    assert {name for name, own in secrets.items() if "infloo-log" in own} == {"infloo-worker", "infloo-rehearsal"}
    assert {name for name, own in secrets.items() if "infloo-backup" in own} == {"infloo-backup"}
    owners = {name for name, own in secrets.items() if "infloo-owner" in own}
    assert owners == {"infloo-release", "infloo-audit-retention"}


def test_logs_of_proxy_and_database_quote_nothing_that_users_wrote() -> None:
    database = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["database"]["command"]
    assert {"log_min_error_statement=panic", "log_error_verbosity=terse"} <= set(database)
    conf = (DEPLOY / "nginx.conf").read_text()
    assert re.findall(r"^\s*(access_log|error_log) ([^;]+);", conf, re.MULTILINE) == [
        ("access_log", "off"),
        ("error_log", "stderr crit"),
    ]


def test_the_proxy_takes_new_versions_of_tls_and_strong_ciphers_alone() -> None:
    """Whatever OpenSSL makes of the list, in the order in which it offers them."""
    conf = (DEPLOY / "nginx.conf").read_text()
    said = dict(re.findall(r"^\s*(ssl_[a-z_]+) (.+);$", conf, re.MULTILINE))
    assert said["ssl_protocols"].split() == ["TLSv1.2", "TLSv1.3"]
    assert said["ssl_prefer_server_ciphers"] == "on"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(said["ssl_ciphers"])
    offered = [each for each in context.get_ciphers() if each["protocol"] != "TLSv1.3"]
    assert len(offered) == said["ssl_ciphers"].count(":") + 1
    assert all(each["aead"] and each["kea"] == "kx-ecdhe" for each in offered), offered
    strengths = [each["strength_bits"] for each in offered]
    assert strengths == sorted(strengths, reverse=True)


def test_the_database_archives_within_a_minute_as_it_is_rehearsed() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    given = dict(each.split("=", 1) for each in services["database"]["command"] if "=" in each)
    rehearsed = archiving()
    assert given["archive_mode"] == rehearsed["archive_mode"]
    assert given["archive_timeout"] == rehearsed["archive_timeout"] == f"{LOST_MOST // 2}s"
    script, *arguments = given["archive_command"].removeprefix("sh ").split()
    assert f".{script}:{script}:ro" in services["database"]["volumes"]
    folder = services["backup"]["environment"]["BACKUP_FOLDER"]
    assert arguments == ["%p", "%f", folder]
    assert f"archive:{folder}" in services["backup"]["volumes"]
    assert f"archive:{folder}" in services["database"]["volumes"]
    # A physical copy is only good for the same PostgreSQL.
    assert f"FROM {services['database']['image']} AS backup" in (DEPLOY / "Dockerfile").read_text()
