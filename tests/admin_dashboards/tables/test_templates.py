"""Templates of Unfold that ours take the place of: an upgrade that changes one of them must be compared."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import unfold
from django.conf import settings

OURS = Path(settings.BASE_DIR) / "templates"
THEIRS = Path(unfold.__file__).parent / "templates"

# The upstream file each of ours was made from; after an upgrade: compare, carry over, note the new one.
MADE_FROM = {
    "admin/actions.html": "4cb3331602a67fa1",
    "admin/nav_sidebar.html": "9ded21d2f1036a58",
    "admin/base.html": "7428a8411d69ed81",
    "admin/change_form_object_tools.html": "3238ce11ac58a883",
    "admin/change_list_results.html": "26fc8ca89818d58f",
    "admin/filter.html": "fd1ad8c8df5b841d",
    "admin/index.html": "dd345254af4ffc9a",
    "admin/login.html": "13deb7765ce36659",
    "unfold/helpers/add_link.html": "b10877ba3500e4eb",
    "unfold/helpers/app_list_badge.html": "ebe57bf52c06f782",
    "unfold/helpers/change_list_headers.html": "554b2efdc837d861",
    "unfold/helpers/command.html": "e10d80a03e4657fa",
    "unfold/helpers/command_help.html": "62e96d75949d9c26",
    "unfold/helpers/command_results.html": "dae3b9b188adbdac",
    "unfold/helpers/empty_results.html": "830db82d60f52b85",
    "unfold/helpers/header_title.html": "708a66bc1c0997f3",
    "unfold/helpers/navigation.html": "fd819dae3473c0be",
    "unfold/helpers/pagination_default.html": "fad73d3c053476ef",
    "unfold/helpers/search.html": "b55f50fdc44ad5be",
    "unfold/helpers/navigation_user.html": "df49db2d72d7e8f2",
    "unfold/layouts/base_simple.html": "f90e61e284c309cd",
    "unfold/layouts/unauthenticated.html": "768501529f1a8dae",
}


def test_overridden_templates_match_their_known_upstream() -> None:
    overridden = {path.relative_to(OURS).as_posix() for path in OURS.rglob("*.html")}
    upstream = {name: THEIRS / name for name in overridden if (THEIRS / name).exists()}
    assert {name: sha256(path.read_bytes()).hexdigest()[:16] for name, path in upstream.items()} == MADE_FROM
