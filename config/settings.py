"""Settings, all in one file. What differs between installations comes from the environment or a `.env` file;
`.env.example` lists every variable."""

from __future__ import annotations

import logging
import re
import sys
from datetime import timedelta
from ipaddress import IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _

from config import databases, log_server, pool, silence
from config.cookies import cookie_name, port_of
from config.layers import TIMEOUTS, broadcast_prefix, channel_layers, database_number
from config.lines import lines
from config.tracebacks import traceback_as_text

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()
env.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")), overwrite=False)


def _read(kind: str, name: str, **options: Any) -> Any:
    """One variable; a missing or malformed one ends the start with a line that names it."""
    try:
        return getattr(env, kind)(name, **options)
    except (ImproperlyConfigured, ValueError, KeyError) as error:
        if name not in env.ENVIRON:
            raise SystemExit(
                f"{name} is not set. Set it in the environment or in .env; .env.example says how."
            ) from None
        raise SystemExit(f"{name} cannot be read ({error}). .env.example shows its form.") from None


def _check_secrets(**values: list[str]) -> None:
    """End the start where a secret of production is one that anyone can read, or serves two purposes."""
    taken = dict.fromkeys(DEMO_SECRETS.values(), "the demo's, which anyone knows")
    for name, secrets in values.items():
        for secret in secrets:
            if secret in taken:
                raise SystemExit(f"{name} is {taken[secret]}. Make one of its own; .env.example says how.")
        taken |= dict.fromkeys(secrets, f"the same as {name}")


def _secrets(name: str, *, is_needed: bool = True) -> list[str]:
    """Several secrets in a row, so that one can take another's place; the first is the one to write with."""
    default = [DEMO_SECRETS[name]] if is_needed and DEBUG else None if is_needed else []
    values: list[str] = _read("list", name, **({} if default is None else {"default": default}))
    if (is_needed and not values) or (not DEBUG and any(len(value) < 32 for value in values)):
        raise SystemExit(f"{name} is too short: each of its keys needs at least 32 characters.")
    return values


def _choice(name: str, choices: tuple[str, ...], default: str) -> str:
    value = str(_read("str", name, default=default))
    if value not in choices:
        raise SystemExit(f"{name} must be one of {', '.join(choices)}, not “{value}”.")
    return value


def _number(name: str, default: float) -> float:
    value = float(_read("float", name, default=default))
    if not 0 < value < float("inf"):
        raise SystemExit(f"{name} must be a number above zero.")
    return value


def _seconds(name: str, default: float) -> float:
    value = float(_read("float", name, default=default))
    if not 0 <= value < float("inf"):
        raise SystemExit(f"{name} must be a number of seconds, 0 or more.")
    return value


def _flag(name: str, default: bool = False) -> bool:
    value = str(_read("str", name, default=str(default))).lower()
    if value not in {*env.BOOLEAN_TRUE_STRINGS, "false", "off", "no", "n", "0", ""}:
        raise SystemExit(f"{name} must be on or off, not “{value}”.")
    return value in env.BOOLEAN_TRUE_STRINGS


def _networks(name: str) -> list[str]:
    values: list[str] = _read("list", name, default=[])
    try:
        networks = [ip_network(value, strict=False) for value in values]
    except ValueError as error:
        raise SystemExit(f"{name} must list addresses or networks: {error}.") from None
    for network in networks:
        # Of IPv4 written as IPv6, the last 32 bits are the address.
        mapped = network.version == 6 and network.subnet_of(MAPPED)
        if not DEBUG and network.prefixlen - (96 if mapped else 0) < WIDEST[4 if mapped else network.version]:
            raise SystemExit(f"{name} trusts a network that takes in strangers: {network}. Name those of your proxies.")
    return [str(network) for network in networks]


def _hosts(name: str) -> list[str]:
    hosts: list[str] = _read("list", name, default=DEMO_HOSTS if DEBUG else [])
    if not DEBUG and not hosts:
        raise SystemExit(f"{name} is not set. Name the hosts that this installation answers for.")
    if not DEBUG and any(host.strip() in ("*", ".") for host in hosts):
        raise SystemExit(f"{name} takes any host. Name those that this installation answers for.")
    return hosts


def _rp_id(name: str) -> str:
    """A domain; by default the first of ALLOWED_HOSTS, since browsers take no address for one."""
    hosts = [host.strip().lstrip(".").lower() for host in ALLOWED_HOSTS]
    value = str(_read("str", name, default="")) or next(filter(re.compile(DOMAIN).fullmatch, hosts), "localhost")
    if not re.fullmatch(DOMAIN, value):
        raise SystemExit(f"{name} must be a domain such as example.com: no address, port or scheme.")
    return value


def _origins(name: str, *, rp_id: str, port: str | None) -> list[str]:
    """Those of hosts below the domain, and those named: pages at other ports, and apps."""
    hosts = {host.strip().lstrip(".").lower() for host in ALLOWED_HOSTS} | {rp_id}
    origins = [f"https://{host}" for host in sorted(hosts) if host == rp_id or host.endswith(f".{rp_id}")]
    if port is not None:
        origins.append(f"http://localhost:{port}")
    named: list[str] = _read("list", name, default=[])
    if any(not re.fullmatch(ORIGIN, origin) for origin in named):
        raise SystemExit(f"{name} must list origins such as https://example.com or android:apk-key-hash:…, no paths.")
    return [*origins, *named]


def _service_url(name: str, schemes: tuple[str, ...]) -> str:
    """The address of a server. Unset means the embedded one, under DEBUG only: who starts that says where it is."""
    value = str(_read("str", name, default=""))
    if not value and not DEBUG:
        raise SystemExit(f"{name} is not set. Without DEBUG there is no embedded server; .env.example says how.")
    if not value:
        value = str(_read("str", f"EMBEDDED_{name}", default=""))
    if not value:
        raise SystemExit(f"{name} is not set, and no embedded server was started; .env.example says how.")
    return _checked_url(name, value, schemes)


def _owner_url() -> str:
    """The address of the database by the role that owns its tables; that of the application where none is named."""
    name = "OWNER_DATABASE_URL"
    embedded = str(_read("str", f"EMBEDDED_{name}", default="")) if _embedded else ""
    value = str(_read("str", name, default="")) or embedded or DATABASE_URL
    return _checked_url(name, value, ("postgres", "postgresql"))


def _service_urls(name: str, schemes: tuple[str, ...], default: list[str]) -> list[str]:
    """The addresses of several servers."""
    return [_checked_url(name, value, schemes) for value in _read("list", name, default=[]) or default]


def _checked_url(name: str, value: str, schemes: tuple[str, ...]) -> str:
    try:
        scheme = urlsplit(value).scheme
        _port = urlsplit(value).port  # what is no port raises
        if scheme in schemes and scheme in ("redis", "rediss", "unix"):  # of Valkey
            database_number(value)
    except ValueError:
        raise SystemExit(f"{name} cannot be read. .env.example shows its form.") from None
    if scheme not in schemes:
        raise SystemExit(f"{name} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    return value


def _filled(name: str) -> str:
    value = str(_read("str", name))
    if not value:
        raise SystemExit(f"{name} is empty. A bucket needs it; .env.example says how.")
    return value


def _bucket(name: str) -> dict[str, Any]:
    return {
        "access_key": _filled("AWS_ACCESS_KEY_ID"),
        "secret_key": _filled("AWS_SECRET_ACCESS_KEY"),
        "bucket_name": name,
        "endpoint_url": _read("str", "AWS_S3_ENDPOINT_URL", default=None),
        "querystring_auth": True,
        "querystring_expire": 60,
    }


def _scanner(name: str) -> str:
    value = str(_read("str", name, default=""))
    port = re.fullmatch(r"[A-Za-z0-9.-]+:([0-9]{1,5})", value)
    if value and not value.startswith("/") and not (port and 0 < int(port[1]) < 2**16):
        raise SystemExit(f"{name} must be host:port or the path of a socket, such as clamav:3310.")
    return value


def _web_address(name: str) -> str:
    value = str(_read("str", name, default=""))
    return _checked_url(name, value, ("https", "http")) if value else ""


LONGEST_LABEL = 20


def _environment(name: str, default: str) -> tuple[str, str]:
    """What this installation is called and the colour of its label, from "Staging" or "Staging:warning".

    A label is no reason not to start: what cannot be taken is cut or left out, with a warning.
    """
    value = str(_read("str", name, default=default)) or default
    title, mark, colour = (part.strip() for part in value.partition(":"))
    shown = "".join(sign for sign in title if sign.isprintable())[:LONGEST_LABEL].strip() or default
    by_title = {"production": "danger", "demo": "info"}.get(shown.lower(), "warning")
    taken = colour if mark and colour in ("info", "success", "warning", "danger") else by_title
    if (shown, taken) != (title, colour if mark else by_title):
        logging.getLogger("config").warning(
            "%s must be a name of at most %d characters, and optionally a colour (info, success, warning or danger),"
            " as in “Staging:warning”. The label is “%s”, %s.", name, LONGEST_LABEL, shown, taken,
        )  # fmt: skip
    return shown, taken


DEBUG = _flag("DEBUG")
TESTING = "pytest" in sys.modules
DEMO_SECRETS = {
    "SECRET_KEY": "demo-only-secret-key-demo-only-secret-key",
    "JWT_SIGNING_KEY": "demo-only-signing-key-demo-only-signing-key",
}
DEMO_HOSTS = ["localhost", "127.0.0.1", "[::1]", "testserver"]
# The shortest prefixes of networks that can be a site's own: 10.0.0.0/8 and fc00::/7.
WIDEST = {4: 8, 6: 7}
MAPPED = IPv6Network("::ffff:0:0/96")
# Lower case, as browsers compare it; its last part is no number, since it would be an address.
DOMAIN = r"([a-z0-9-]+\.)*(?!\d+$)[a-z0-9-]+"
# As browsers and Android write them into what a passkey signs.
ORIGIN = r"https://[a-z0-9.-]+(:[0-9]{1,5})?|android:apk-key-hash(-sha256)?:[A-Za-z0-9_-]{20,}"

_SECRET_KEYS = _secrets("SECRET_KEY")
SECRET_KEY, *SECRET_KEY_FALLBACKS = _SECRET_KEYS
JWT_SIGNING_KEY, *JWT_FORMER_KEYS = _secrets("JWT_SIGNING_KEY")
MFA_KEYS = [*_secrets("MFA_KEY", is_needed=False), *(f"second factors under {key}" for key in _SECRET_KEYS)]
"""Encrypt the keys of people's authenticators."""
if not DEBUG:
    _check_secrets(SECRET_KEY=_SECRET_KEYS, JWT_SIGNING_KEY=[JWT_SIGNING_KEY, *JWT_FORMER_KEYS], MFA_KEY=MFA_KEYS)
ALLOWED_HOSTS = _hosts("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = [f"https://{host.lstrip('.')}" for host in ALLOWED_HOSTS if host != "*"]
_embedded = DEBUG and not _read("str", "DATABASE_URL", default="")
ENVIRONMENT = _environment("ENVIRONMENT", "Demo" if _embedded else "Development" if DEBUG else "Production")
"""The label in the console's header, by which a rehearsal is known from the real one: its text and colour."""
TRUSTED_PROXIES = _networks("TRUSTED_PROXIES")
"""Addresses or networks of reverse proxies whose X-Forwarded-For and -Proto count."""

# --- Applications ---------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "admin_dashboards.apps.AdminDashboardsConfig",  # before unfold: its templates override Unfold's
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "unfold.contrib.guardian",
    "unfold.contrib.import_export",
    "unfold.contrib.simple_history",
    "admin_dashboards.apps.InflooAdminConfig",
    "ops",  # before auth: its changepassword folds names
    # In a checkout only: the development server, before staticfiles as it serves sockets too; demo data and seed.
    *(name for name in ("devtools", "demo") if (BASE_DIR / name).is_dir()),
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "guardian",
    "simple_history",
    "import_export",
    "pgtrigger",
    "ninja",  # serves the assets of /api/docs itself
    "channels",
    "procrastinate.contrib.django",
    "django_otp",
    "axes",
    "django_structlog",
    "apps.tallies",
    "apps.upkeep",
    "apps.audit",
    "apps.transparency",
    "apps.review",
    "apps.review.decisions",
    "apps.tables",
    "apps.notifications",
    "apps.users",
    "django_otp_webauthn",  # after users: its models ask for the model of accounts as they are imported
    "apps.connections",
    "apps.events",
    "apps.stories",
    "apps.chat",
    "apps.moderation",
    "apps.privacy",
]

MIDDLEWARE = [
    "config.middleware.RequestOrigin",
    "config.logs.RequestLog",  # a line for every answer, be it one that the middleware below gives
    "config.health.RequestMetrics",
    "config.middleware.ApiRequests",  # answers calls; what follows is of the console alone
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.BrowserRules",
    "config.middleware.KnownMethods",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.health.Probes",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Data -----------------------------------------------------------------------------------------------------------

DATABASE_URL = _service_url("DATABASE_URL", ("postgres", "postgresql"))


def _database(database: dict[str, Any]) -> dict[str, Any]:
    return database | {
        "ENGINE": "config.postgresql",
        "CONN_MAX_AGE": 0,  # the pool keeps connections
        "CONN_HEALTH_CHECKS": True,
        # A pooler that hands out connections by transaction (PgBouncer) would lose a cursor between two of its parts.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": silence.KEEPALIVE
        | database.get("OPTIONS", {})
        | {
            "pool": {
                "connection_class": silence.Connection,
                "min_size": 0,
                "max_size": int(_number("DATABASE_POOL", 24)),
                "timeout": 5,  # seconds: those who wait have an answer within ten, be it an error
                "max_idle": 120,
                # After an outage, sooner than the pool would by itself, which waits twice as long after each try.
                "reconnect_timeout": 2,
                "check": pool.check,
            }
        }
        # Any number lets `apps.infra.prepared` prepare its statements; Django sets None, and psycopg then never does.
        | {"prepare_threshold": 5 if _flag("PREPARE_STATEMENTS", default=True) else None},
    }


DATABASES = {"default": _database(databases.parsed("DATABASE_URL", DATABASE_URL))}
OWNER_DATABASE = databases.owner_of(DATABASES["default"], _owner_url())
"""Of the role that owns the tables, for `migrate` alone: what differs from the connection of the application's role."""
if _replica := str(_read("str", "REPLICA_DATABASE_URL", default="")):
    _checked_url("REPLICA_DATABASE_URL", _replica, ("postgres", "postgresql"))
    DATABASES["replica"] = _database(databases.parsed("REPLICA_DATABASE_URL", _replica)) | {
        "TEST": {"MIRROR": "default"}
    }
    DATABASES["replica"]["OPTIONS"]["connect_timeout"] = 2
    DATABASES["replica"]["OPTIONS"]["pool"]["timeout"] = 2  # seconds: the primary answers instead
REPLICA_LAG_SECONDS = _number("REPLICA_LAG_SECONDS", 10)
"""How far behind a replica may be to be read from."""
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = _service_url("REDIS_URL", ("redis", "rediss", "unix"))
# For libraries that keep answers, such as the search of the console: none is worth an outage, or one that is outdated.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
CHANNEL_REDIS_URLS = _service_urls("CHANNEL_REDIS_URLS", ("redis", "rediss", "unix"), [REDIS_URL])
BROADCAST_PREFIX = broadcast_prefix(CHANNEL_REDIS_URLS[0])
VALKEY_TIMEOUTS = TIMEOUTS
CHANNEL_LAYERS = channel_layers(CHANNEL_REDIS_URLS, BROADCAST_PREFIX)

# --- People ---------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "apps.users.backends.Accounts",
]
ANONYMOUS_USER_NAME = None  # guardian makes no user of its own
SILENCED_SYSTEM_CHECKS = [
    "guardian.W001",  # apps.access asks guardian itself, so that no code asks it another way
    "otp_webauthn.E031",  # takes the origins of apps for mistakes: `_origins` checks them
]
PASSWORD_HASHERS = [
    "apps.users.hashers.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": name}
    for name in (
        "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "django.contrib.auth.password_validation.MinimumLengthValidator",
        "django.contrib.auth.password_validation.CommonPasswordValidator",
        "django.contrib.auth.password_validation.NumericPasswordValidator",
        "apps.users.passwords.NoSiteWords",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
STAFF_MFA = _choice("STAFF_MFA", ("required", "optional"), "optional" if DEBUG else "required")

# A device whose clock is off would move the window for the next one: two phones with one key would shut each other out.
OTP_TOTP_SYNC = False

CONSOLE_IDLE_MINUTES = _number("CONSOLE_IDLE_MINUTES", 60)
"""A console that was not used for so long is signed out; after SESSION_COOKIE_AGE it is in any case."""
# Never in Valkey as well: one that was away would bring back sessions that have ended or changed meanwhile.
SESSION_ENGINE = "apps.users.authentication.session_store"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True  # our scripts take the token from the form that they send
_port = port_of(sys.argv, env.ENVIRON) if DEBUG else None
SESSION_COOKIE_NAME = cookie_name("session", port=_port)
CSRF_COOKIE_NAME = cookie_name("csrf", port=_port)
LANGUAGE_COOKIE_NAME = cookie_name("language", port=_port)
MESSAGES_COOKIE_NAME = cookie_name("messages", port=_port)
MESSAGE_STORAGE = "config.messages.Messages"
DEVICE_COOKIE_NAME = cookie_name("device", port=_port)
"""Which browsers staff have signed in from."""
CSRF_FAILURE_VIEW = "admin_dashboards.sign_in.signed_out.form_out_of_date"

OTP_WEBAUTHN_CREDENTIAL_MODEL = "users.Passkey"
OTP_WEBAUTHN_RP_ID = _rp_id("PASSKEY_RP_ID")
"""The domain that passkeys are made for. With another one, none of those that exist can be used."""
OTP_WEBAUTHN_RP_NAME = "Infloo"
OTP_WEBAUTHN_ALLOWED_ORIGINS = _origins("PASSKEY_ORIGINS", rp_id=OTP_WEBAUTHN_RP_ID, port=_port)
"""The pages and apps where a passkey may be used."""
OTP_WEBAUTHN_SUPPORTED_COSE_ALGORITHMS = [-8, -7, -257]  # EdDSA, ES256, RS256
OTP_WEBAUTHN_TIMEOUT_SECONDS = 5 * 60

# Every setting of the library by name: what is left out here it would read from environment variables of that name,
# such as ISSUER or LEEWAY, which may be there for another program.
NINJA_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "VERIFYING_KEY": "",
    "AUDIENCE": None,
    "ISSUER": None,
    "JWK_URL": None,
    "LEEWAY": 0,
    "JSON_ENCODER": None,
    "TOKEN_TYPE_CLAIM": "typ",
    "JTI_CLAIM": "jti",
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "sub",
    "AUTH_TOKEN_CLASSES": ["apps.users.authentication.tokens.AccessToken"],
    # Of routes and tokens that we do not use; the login's row decides about rotation.
    "ROTATE_REFRESH_TOKENS": False,
    "BLACKLIST_AFTER_ROTATION": False,
    "UPDATE_LAST_LOGIN": False,
    "USER_AUTHENTICATION_RULE": "ninja_jwt.authentication.default_user_authentication_rule",
    "TOKEN_USER_CLASS": "ninja_jwt.models.TokenUser",
    "SLIDING_TOKEN_REFRESH_EXP_CLAIM": "refresh_exp",
    "SLIDING_TOKEN_LIFETIME": timedelta(minutes=5),
    "SLIDING_TOKEN_REFRESH_LIFETIME": timedelta(days=1),
    "TOKEN_OBTAIN_PAIR_INPUT_SCHEMA": "ninja_jwt.schema.TokenObtainPairInputSchema",
    "TOKEN_OBTAIN_PAIR_REFRESH_INPUT_SCHEMA": "ninja_jwt.schema.TokenRefreshInputSchema",
    "TOKEN_OBTAIN_SLIDING_INPUT_SCHEMA": "ninja_jwt.schema.TokenObtainSlidingInputSchema",
    "TOKEN_OBTAIN_SLIDING_REFRESH_INPUT_SCHEMA": "ninja_jwt.schema.TokenRefreshSlidingInputSchema",
    "TOKEN_BLACKLIST_INPUT_SCHEMA": "ninja_jwt.schema.TokenBlacklistInputSchema",
    "TOKEN_VERIFY_INPUT_SCHEMA": "ninja_jwt.schema.TokenVerifyInputSchema",
}

# The console's lock-out; how long each ten failures lock stands in admin_dashboards/sign_in/lock_out.py.
AXES_HANDLER = "admin_dashboards.sign_in.lock_out.LockOut"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(days=1)  # how long failures are remembered: axes deletes what is older, of every account
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "admin_dashboards.sign_in.lock_out.account"
AXES_CLIENT_IP_CALLABLE = "admin_dashboards.sign_in.lock_out.address"
AXES_LOCKOUT_CALLABLE = "admin_dashboards.sign_in.lock_out.page"
AXES_DISABLE_ACCESS_LOG = True  # the audit log has who signed in
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# --- Limits ---------------------------------------------------------------------------------------------------------

LIMITS_SCALE = _number("LIMITS_SCALE", 1)
"""Multiplies every limit below; for load tests."""
LIMITS = {
    # name: (how many, in how many seconds)
    "login_account": (10, 600),
    "login_address": (100, 600),
    "register": (600, 60) if _flag("DEMO") and DEBUG else (30, 3600),
    "password_reset": (5, 3600),
    "password_reset_address": (30, 3600),
    "account_change": (10, 3600),
    "upload": (60, 3600),
    "connection_request": (100, 86400),
    "chat": (120, 60),
    "messages": (1200, 60),  # over HTTP and sockets together
    "console_search": (120, 60),
    "violations": (30, 60),
    "violations_of_all": (600, 60),
    "default": (1200, 60),
}
SOCKET_FRAMES_PER_SECOND = 20
SOCKET_FRAMES_BURST = 200
SOCKETS_A_PERSON = 20
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# --- Stopping ---------------------------------------------------------------------------------------------------------

DRAIN_SECONDS = _seconds("DRAIN_SECONDS", 0 if DEBUG else 5)
"""For which a process that is asked to stop still serves, so that proxies learn of it by /readyz."""
STOP_SECONDS = _number("STOP_SECONDS", 10 if DEBUG else 30)
"""For which calls and jobs under way may go on after that."""

# --- Files ----------------------------------------------------------------------------------------------------------

MEDIA_ROOT = VAR_DIR / "media"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    # Private: nothing here is served by its path, nor read by other accounts of the machine.
    "default": {
        "BACKEND": "apps.infra.files.storage.Folder",
        "OPTIONS": {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
USE_S3 = _flag("USE_S3")
if USE_S3:
    STORAGES["default"] = {
        "BACKEND": "apps.infra.files.bucket.Bucket",
        "OPTIONS": _bucket("") | {"bucket_name": _filled("AWS_STORAGE_BUCKET_NAME")},
    }
CLAMAV_ADDRESS = _scanner("CLAMAV_ADDRESS")
"""Where the daemon of ClamAV listens, by which uploads are looked through; empty: they are not."""
ERASURE_WAITING_DAYS = _number("ERASURE_WAITING_DAYS", 30)
"""Between the request of an erasure and the erasure; it can be cancelled until then."""
KEY_BACKUP_DAYS = _number("KEY_BACKUP_DAYS", 14)
"""How long backups that hold the keys of persons are kept, which certificates of erasures say."""
BACKUP_FOLDER = str(_read("str", "BACKUP_FOLDER", default=""))
"""Base backups and archived WAL; for the commands `backup`, `restore` and `rehearse`."""
BACKUP_DATABASE_URL = str(_read("str", "BACKUP_DATABASE_URL", default=""))
if BACKUP_DATABASE_URL:
    _checked_url("BACKUP_DATABASE_URL", BACKUP_DATABASE_URL, ("postgres", "postgresql"))
SIGNED_ADDRESS_SECONDS = 60
VIDEO_ADDRESS_SECONDS = 3600
"""So long players fetch further parts of a video from an address that was begun in time; each is checked anew."""

# --- The log that proves itself: docs/transparency.md ----------------------------------------------------------------

LOG_SIGNING_KEY = str(_read("str", "LOG_SIGNING_KEY", default=""))
LOG_KEY_FILE = VAR_DIR / "log_signing_key" if DEBUG else None
"""The key where none is set; made there."""
LOG_VERIFIER_KEYS: list[str] = _read("list", "LOG_VERIFIER_KEYS", default=[])
LOG_FOLDER = str(_read("str", "LOG_FOLDER", default=str(VAR_DIR / "log") if DEBUG else ""))
LOG_BUCKET = str(_read("str", "LOG_BUCKET", default=""))
LOG_WEBHOOK = _web_address("LOG_WEBHOOK")
LOG_TSA_URL = _web_address("LOG_TSA_URL")
LOG_TSA_CERTIFICATES = str(_read("str", "LOG_TSA_CERTIFICATES", default=""))
if LOG_TSA_URL and not Path(LOG_TSA_CERTIFICATES).is_file():
    raise SystemExit("LOG_TSA_CERTIFICATES names no file. LOG_TSA_URL needs it; .env.example says how.")
if LOG_FOLDER:
    STORAGES["log_folder"] = {
        "BACKEND": "apps.infra.files.storage.Folder",
        "OPTIONS": {"location": LOG_FOLDER, "allow_overwrite": True, "file_permissions_mode": 0o644},
    }
if LOG_BUCKET:
    STORAGES["log_bucket"] = {"BACKEND": "apps.infra.files.bucket.Bucket", "OPTIONS": _bucket(LOG_BUCKET)}

# --- Mail -----------------------------------------------------------------------------------------------------------

try:
    _mail = env.email_url("EMAIL_URL", default="consolemail://")
except Exception:
    raise SystemExit("EMAIL_URL cannot be read. .env.example shows its form.") from None
vars().update(_mail)
EMAIL_TIMEOUT = 10  # seconds, for each step: a job that waits for a silent server would keep others from being done
DEFAULT_FROM_EMAIL = SERVER_EMAIL = str(_read("str", "MAIL_FROM", default="Infloo <no-reply@infloo.example>"))

# --- Language, time, protection, logs --------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
# Of what people of the platform read. The console and the API's problems are in English, whatever a browser asks
# for: no LocaleMiddleware, which would mix in what is there in German.
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    # blob: the next item's image, which a desk has fetched ahead.
    "img-src": [CSP.SELF, "data:", "blob:"],
    "media-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
    "form-action": [CSP.SELF],
    "report-uri": ["/csp-reports"],
    "report-to": ["csp"],
}
# What Django has no setting for; `config.middleware.BrowserRules` adds it to every answer.
BROWSER_RULES = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{name}=()"
        for name in (
            "accelerometer",
            "camera",
            "display-capture",
            "geolocation",
            "gyroscope",
            "magnetometer",
            "microphone",
            "midi",
            "payment",
            "usb",
        )
    ),
    "Reporting-Endpoints": 'csp="/csp-reports"',
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
if not DEBUG:
    SECURE_SSL_REDIRECT = _flag("SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True

SIMPLE_HISTORY_REVERT_DISABLED = True
SIMPLE_HISTORY_FILEFIELD_TO_CHARFIELD = True
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "export"
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "import"
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"
PROCRASTINATE_ON_APP_READY = "ops.job_origin.carry_origin"

DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # RequestOrigin has set it, whatever the client sent
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG

LOG_SERVER = _checked_url("LOG_SERVER", str(_read("str", "LOG_SERVER", default="")), ("", *log_server.SCHEMES))
"""Where lines of the log go besides stderr."""
_log_server = (
    log_server.LogServer(LOG_SERVER, ca_file=str(_read("str", "LOG_SERVER_CA", default=""))) if LOG_SERVER else None
)

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(
                    [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
                    if DEBUG
                    else [traceback_as_text, structlog.processors.JSONRenderer()]
                ),
            ],
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.request": {"level": "ERROR"},  # what is below has its line already
        "axes": {"level": "WARNING"},
        # A traceback a second while Valkey is away; the sockets say so once.
        "channels_redis": {"level": "CRITICAL"},
        "procrastinate": {"level": "WARNING"},
        "pikepdf": {"level": "WARNING"},
        "uvicorn": {"level": "WARNING"},  # below that it writes down addresses of sockets, queries and all
        "django_structlog": {"level": "INFO" if not DEBUG or TESTING else "WARNING"},
    },
}
if _log_server is not None:
    handler = {"()": log_server.LogServerHandler, "server": _log_server, "formatter": "lines"}
    LOGGING["handlers"]["server"] = handler
    for logger in (LOGGING["root"], LOGGING["loggers"]["django"]):
        logger["handlers"].append("server")
structlog.configure(
    **lines(logging.INFO, _log_server)
    if not DEBUG
    else {
        "processors": [
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        "logger_factory": structlog.stdlib.LoggerFactory(),
        "cache_logger_on_first_use": True,
    }
)

from config.unfold import UNFOLD  # noqa: E402, F401
