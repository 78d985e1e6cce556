"""Templates of Unfold that ours take the place of: an upgrade that changes one of them must be looked at."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import unfold
from django.conf import settings

OURS = Path(settings.BASE_DIR) / "templates"
THEIRS = Path(unfold.__file__).parent / "templates"

# The upstream file each of ours was made from; after an upgrade: compare, carry over, note the new one.
MADE_FROM = {
    "admin/base.html": "7428a8411d69ed81",
    "admin/change_form_object_tools.html": "3238ce11ac58a883",
    "admin/filter.html": "fd1ad8c8df5b841d",
    "admin/index.html": "dd345254af4ffc9a",
    "admin/login.html": "13deb7765ce36659",
    "unfold/helpers/add_link.html": "b10877ba3500e4eb",
    "unfold/helpers/header_title.html": "708a66bc1c0997f3",
    "unfold/helpers/navigation.html": "fd819dae3473c0be",
    "unfold/helpers/pagination_default.html": "fad73d3c053476ef",
    "unfold/layouts/base_simple.html": "f90e61e284c309cd",
    "unfold/layouts/unauthenticated.html": "768501529f1a8dae",
}


def test_what_we_override_is_what_it_was() -> None:
    overridden = {path.relative_to(OURS).as_posix() for path in OURS.rglob("*.html")}
    upstream = {name: THEIRS / name for name in overridden if (THEIRS / name).exists()}
    assert {name: sha256(path.read_bytes()).hexdigest()[:16] for name, path in upstream.items()} == MADE_FROM
