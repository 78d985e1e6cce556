"""A broken setting stops the start with one line that names it."""

import os
import re
import subprocess

import pytest

from devtools.paths import CHECKOUT
from tests.ops.production import PRODUCTION, start_each, start_loaded

DEMO = {"PATH": os.defpath, "ENV_FILE": os.devnull, "DEBUG": "1"}


def test_settings_of_production_are_enough() -> None:
    """On a database without a single table, as the first start finds it."""
    done = start_loaded(PRODUCTION, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    # A redirect without end behind a proxy that is not named.
    assert "TRUSTED_PROXIES" in done.stderr


ODD_LABEL = {"ENVIRONMENT": "a name that is far too long:purple"}


def test_a_proxy_that_is_named_or_not_needed_is_no_matter() -> None:
    """It may be named by the networks of the site. Nor does an odd label stop a start."""
    networks = {"TRUSTED_PROXIES": "10.0.0.0/8,fc00::/7,::ffff:10.0.0.0/104,192.0.2.7"}
    environments = [PRODUCTION | networks | ODD_LABEL, PRODUCTION | {"SSL_REDIRECT": "off"}]
    for done in start_each(environments, "manage.py", "check", "--deploy"):
        assert done.returncode == 0, done.stderr
        assert "TRUSTED_PROXIES" not in done.stderr


def test_a_missing_setting_is_named() -> None:
    names = ["SECRET_KEY", "JWT_SIGNING_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS"]
    environments = [{key: value for key, value in PRODUCTION.items() if key != name} for name in names]
    for name, done in zip(names, start_each(environments, "manage.py", "check"), strict=True):
        assert_one_line_names(name, done)


MALFORMED = [
    ("DEBUG", "perhaps"),
    ("SECRET_KEY", "short"),
    ("JWT_SIGNING_KEY", "short"),
    ("DATABASE_URL", "mysql://localhost/infloo"),
    ("DATABASE_URL", "postgres://localhost:port/infloo"),
    ("DATABASE_URL", "postgres://user:secret@localhost/"),
    ("REDIS_URL", "localhost"),
    ("REDIS_URL", "redis://localhost:port/0"),
    ("REDIS_URL", "redis://localhost/-1"),
    ("REDIS_URL", "unix:///valkey.sock?db=one"),
    ("REDIS_URL", "redis://["),
    ("CHANNEL_REDIS_URLS", "localhost"),
    ("CHANNEL_REDIS_URLS", "redis://one.example:6379,http://other.example"),
    ("CHANNEL_REDIS_URLS", "redis://one.example:6379,redis://other.example:port"),
    ("EMAIL_URL", "pigeon://loft"),
    ("CLAMAV_ADDRESS", "clamav"),
    ("CLAMAV_ADDRESS", "clamav:70000"),
    ("CLAMAV_ADDRESS", "tcp://clamav:3310"),
    ("STAFF_MFA", "sometimes"),
    ("PASSKEY_RP_ID", "https://infloo.example"),
    ("PASSKEY_RP_ID", "10.0.0.1"),
    ("PASSKEY_ORIGINS", "http://infloo.example"),
    ("SECRET_KEY", ""),
    ("SECRET_KEY", "k" * 32 + ",short"),
    ("JWT_SIGNING_KEY", "k" * 32 + ",short"),
    ("JWT_SIGNING_KEY", "k" * 32 + "," + PRODUCTION["SECRET_KEY"]),
    ("MFA_KEY", "short"),
    ("MFA_KEY", "m" * 32 + ",short"),
    ("CONSOLE_IDLE_MINUTES", "0"),
    ("LIMITS_SCALE", "many"),
    ("LIMITS_SCALE", "0"),
    ("TRUSTED_PROXIES", "the-proxy"),
    ("TRUSTED_PROXIES", "10.0.0.0/8,0.0.0.0/0"),
    ("TRUSTED_PROXIES", "128.0.0.0/1"),
    ("TRUSTED_PROXIES", "::/0"),
    ("TRUSTED_PROXIES", "::ffff:0:0/96"),
    ("ALLOWED_HOSTS", "infloo.example,*"),
    ("SECRET_KEY", "demo-only-secret-key-demo-only-secret-key"),
    ("JWT_SIGNING_KEY", "demo-only-signing-key-demo-only-signing-key"),
    ("JWT_SIGNING_KEY", "demo-only-secret-key-demo-only-secret-key"),
    ("MFA_KEY", "demo-only-secret-key-demo-only-secret-key"),
    ("JWT_SIGNING_KEY", PRODUCTION["SECRET_KEY"]),
    ("MFA_KEY", "m" * 32 + "," + PRODUCTION["JWT_SIGNING_KEY"]),
]


def test_a_malformed_setting_is_named() -> None:
    environments = [PRODUCTION | {name: value} for name, value in MALFORMED]
    for (name, _value), done in zip(MALFORMED, start_each(environments, "manage.py", "check"), strict=True):
        assert_one_line_names(name, done)


def test_a_bucket_without_its_keys_is_refused() -> None:
    bucket = {"USE_S3": "on", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "s", "AWS_STORAGE_BUCKET_NAME": "b"}
    environments = [PRODUCTION | bucket, PRODUCTION | {"USE_S3": "1", "AWS_ACCESS_KEY_ID": "a"}]
    empty, missing = start_each(environments, "manage.py", "check")
    assert_one_line_names("AWS_ACCESS_KEY_ID", empty)
    assert_one_line_names("AWS_SECRET_ACCESS_KEY", missing)


def test_an_odd_label_of_the_installation_is_cut_with_a_warning() -> None:
    done = start_loaded(PRODUCTION | ODD_LABEL, "-c", "import config.settings as s; print(s.ENVIRONMENT)")
    assert done.returncode == 0, done.stderr
    assert "('a name that is far t', 'warning')" in done.stdout
    assert "ENVIRONMENT must be a name of at most 20 characters" in done.stderr


def test_the_domain_of_passkeys_follows_from_the_hosts() -> None:
    show = "import config.settings as s; print(s.OTP_WEBAUTHN_RP_ID, *s.OTP_WEBAUTHN_ALLOWED_ORIGINS)"
    hosts = {"ALLOWED_HOSTS": "10.0.0.1,[::1],.infloo.example,api.infloo.example,other.example"}
    app = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    done = start_loaded(PRODUCTION | hosts | {"PASSKEY_ORIGINS": app}, "-c", show)
    assert done.stdout.split() == ["infloo.example", "https://api.infloo.example", "https://infloo.example", app]
    done = start_loaded(
        DEMO | {"EMBEDDED_DATABASE_URL": "postgresql:///a", "EMBEDDED_REDIS_URL": "unix:///a", "PORT": "81"}, "-c", show
    )
    assert done.stdout.split() == ["localhost", "https://localhost", "http://localhost:81"], done.stderr


def test_the_first_key_of_each_kind_writes_and_the_others_still_read() -> None:
    show = (
        "import config.settings as s;"
        "print(s.SECRET_KEY[0], s.SECRET_KEY_FALLBACKS[0][0], s.JWT_SIGNING_KEY[0], s.JWT_FORMER_KEYS[0][0]);"
        "print(*(key[-1] for key in s.MFA_KEYS))"
    )
    two = {"SECRET_KEY": "a" * 32 + "," + "b" * 32, "JWT_SIGNING_KEY": "c" * 32 + "," + "d" * 32, "MFA_KEY": "e" * 32}
    done = start_loaded(PRODUCTION | two, "-c", show)
    assert done.stdout.split() == [*"abcd", *"eab"], done.stderr


def test_settings_take_the_embedded_servers_from_the_environment_under_debug_alone() -> None:
    show = "import config.settings as s; print(s.DATABASE_URL, s.REDIS_URL, s.ENVIRONMENT[0])"
    embedded = {"EMBEDDED_DATABASE_URL": "postgresql:///here", "EMBEDDED_REDIS_URL": "unix:///here"}
    done = start_loaded(DEMO | embedded, "-c", show)
    assert done.stdout.split() == ["postgresql:///here", "unix:///here", "Demo"], done.stderr
    without_debug = {key: value for key, value in PRODUCTION.items() if key != "DATABASE_URL"}
    assert_one_line_names("DATABASE_URL", start_loaded(without_debug | embedded, "-c", show))


def test_settings_alone_start_no_server_and_make_no_folder() -> None:
    imported = "import sys, config.settings; assert not {'devtools', 'ops', 'apps'} & set(sys.modules), sys.modules"
    assert_one_line_names("DATABASE_URL", start_loaded(DEMO, "-c", imported))
    done = start_loaded(PRODUCTION, "-c", imported)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "-1", "８０００"])
def test_a_port_that_is_none_is_named(port: str) -> None:
    assert_one_line_names("PORT", start_loaded(DEMO | {"PORT": port}, "-m", "devtools.stack"))


def assert_one_line_names(name: str, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode != 0, name
    assert name in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_the_example_lists_every_setting() -> None:
    code = (CHECKOUT / "config" / "settings.py").read_text()
    read = set(re.findall(r"""_\w+\(\s*(?:"[a-z]+", )?"([A-Z][A-Z0-9_]+)"[,)]""", code))
    read |= {"OWNER_DATABASE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"}  # by a function, and by the library of traces
    listed = set(re.findall(r"^([A-Z0-9_]+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))
    assert read == listed


def test_every_secret_has_its_line_in_the_inventory() -> None:
    """docs/keys.md: what a key is for, who has it and how another takes its place."""
    listed = re.findall(r"^([A-Z0-9_]+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE)
    listed += re.findall(r"\$\{(\w+_PASSWORD)", (CHECKOUT / "deploy" / "compose.yaml").read_text())
    secrets = {name for name in listed if {"KEY", "KEYS", "PASSWORD"} & set(name.split("_"))} - {"KEY_BACKUP_DAYS"}
    assert len(secrets) > 9
    inventory = (CHECKOUT / "docs" / "keys.md").read_text()
    assert not [name for name in sorted(secrets) if f"`{name}`" not in inventory]
