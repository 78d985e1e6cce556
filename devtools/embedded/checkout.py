"""The pair whose data belongs to this checkout: `make run` and `manage.py` use it."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import environ

from devtools.embedded import ownership
from devtools.embedded.ownership import is_root, may_enter, unprivileged
from devtools.embedded.pair import Pair
from devtools.embedded.postgres import SOCKET
from devtools.paths import CHECKOUT, VAR

# The address of a Unix socket has 104 bytes on macOS, 108 on Linux.
SOCKET_PATH_MAX = 100


def offer() -> None:
    """Put the addresses of this checkout's servers into the environment, if the settings will need one of them."""
    environ.Env.read_env(os.environ.get("ENV_FILE", str(CHECKOUT / ".env")), overwrite=False)
    environment = environ.Env()
    names_both = all(environment.str(name, default="") for name in ("DATABASE_URL", "REDIS_URL"))
    if environment.bool("DEBUG", default=False) and not names_both:
        os.environ["EMBEDDED_DATABASE_URL"] = checkout().database_url()
        os.environ["EMBEDDED_OWNER_DATABASE_URL"] = checkout().owner_database_url()
        os.environ["EMBEDDED_REDIS_URL"] = checkout().redis_url()


@functools.cache
def checkout() -> Pair:
    """The pair whose data belongs to this checkout."""
    return Pair(checkout_home())


@contextmanager
def when_used() -> Iterator[Pair | None]:
    """Keep the checkout's pair running, if its addresses were offered; None otherwise. Raises `Unavailable`."""
    if not checkout.cache_info().currsize:
        yield None
        return
    with checkout().running():
        yield checkout()


def checkout_home() -> Path:
    """var/embedded, or the folder it links to where var/ is too deep for a socket or closed to our servers."""
    place = VAR / "embedded"
    VAR.mkdir(exist_ok=True)
    if place.is_symlink() and not _is_home_of_this_checkout(place):
        place.unlink()
    if not place.exists():
        short = len(os.fsencode(place / SOCKET)) <= SOCKET_PATH_MAX
        # Another process may be at the same at the same moment: the first one's folder counts.
        with suppress(FileExistsError):
            if short and (not is_root() or may_enter(place, unprivileged())):
                place.mkdir(0o700)
            else:
                home = Path(tempfile.mkdtemp(prefix="infloo-", dir=ownership.ELSEWHERE))
                (home / "checkout").write_text(str(CHECKOUT))
                place.symlink_to(home)
    return place.resolve()


def _is_home_of_this_checkout(link: Path) -> bool:
    """False for a link that dangles, or came here in a copy of another checkout."""
    try:
        return (link / "checkout").read_text() == str(CHECKOUT)
    except FileNotFoundError:
        return False
    except PermissionError:  # another user's, who ran this checkout before
        return True
