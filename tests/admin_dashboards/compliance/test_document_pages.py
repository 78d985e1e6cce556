"""The evidence: pages as marked pictures, each look written down, and no way around that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm
from PIL import Image

from admin_dashboards.compliance.pages import picture_address
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.infra.files import renditions
from apps.infra.files.rendering import render_page
from apps.infra.media import signed_address
from apps.users.models import Document, User
from tests import people
from tests.client import api
from tests.console import DOCUMENTS, console, document_page
from tests.drawn import pdf, picture
from tests.factories import make_document

pytestmark = pytest.mark.django_db


def shown(page: Any) -> list[str]:
    """The addresses of the pictures on a page."""
    return re.findall(r'src="(/admin/users/document/\d+/picture/[^"]+)"', page.content.decode())


def looks(document: Document) -> list[tuple[str, str]]:
    """At its pages; that it was opened at all is written down besides, without a reason."""
    rows = Entry.objects.filter(verb=Action.VIEWED, target_type="users.document", target_id=str(document.pk))
    return [(name, why) for name, why in rows.order_by("id").values_list("actor__username", "reason") if why]


@pytest.fixture
def officer() -> User:
    return people.compliance()


@pytest.fixture
def document() -> Document:
    return make_document(people.newton(), pdf(2), "application/pdf")


def test_pages_are_pictures_and_each_look_is_written_down(document: Document, officer: User) -> None:
    client = console(officer)
    addresses = shown(client.get(document_page(document)))
    assert len(addresses) == 2
    for address in addresses:
        answer = client.get(address)
        assert answer["Content-Type"] == "image/webp"
        assert "no-store" in answer["Cache-Control"]
        assert Image.open(BytesIO(answer.content)).format == "WEBP"
    assert looks(document) == [("compliance", "page 1"), ("compliance", "page 2")]


def test_the_picture_names_who_looks_at_it(officer: User) -> None:
    white = make_document(people.newton(), picture(mode="RGB", size=(900, 600)))
    marked = console(officer).get(picture_address(officer, white, 1))
    colors = Image.open(BytesIO(marked.content)).convert("L").getcolors(1 << 20)
    assert colors is not None
    assert len(colors) > 20, "nothing is written across it"


def test_an_address_lives_a_minute(document: Document, officer: User) -> None:
    client, now = console(officer), timezone.now()
    with time_machine.travel(now, tick=False):
        address = picture_address(officer, document, 1)
    with time_machine.travel(now + timedelta(seconds=59), tick=False):
        assert client.get(address).status_code == 200
    with time_machine.travel(now + timedelta(seconds=61), tick=False):
        answer = client.get(address)
    assert answer.status_code == 404
    assert "has expired" in answer.content.decode()
    assert len(looks(document)) == 1


def test_an_address_is_for_one_viewer_one_document_and_this_one_purpose(document: Document, officer: User) -> None:
    other = make_document(people.alice())
    address = picture_address(officer, document, 1)
    token = address.rstrip("/").split("/")[-1]
    second = people.make_staff("second", "Compliance Officer")
    assert console(second).get(address).status_code == 404
    assert Client().get(address).status_code == 302
    client = console(officer)
    for wrong in (
        address.replace(f"/{document.pk}/", f"/{other.pk}/"),
        address[:-2] + ("A/" if address[-2] != "A" else "B/"),
        address.replace(token, token.replace(f".{document.pk}.1.", f".{document.pk}.2.")),
        f"{DOCUMENTS}{document.pk}/picture/1/",
        f"{DOCUMENTS}{document.pk}/picture/{signed_address('profile', document.pk).split('/')[-1]}/",
        f"/media/{token}",
    ):
        assert client.get(wrong).status_code == 404, wrong
    assert looks(document) == []


def test_a_right_that_is_taken_away_shuts_the_address(document: Document) -> None:
    helper = people.make_staff("helper")
    assign_perm("users.review_document", helper, document)
    other = make_document(people.alice())
    assign_perm("users.review_document", helper, other)
    address = picture_address(helper, document, 1)
    remove_perm("users.review_document", helper, document)
    assert console(helper).get(address).status_code == 404
    assert console(helper).get(f"{DOCUMENTS}{document.pk}/page/1/").status_code == 404


def test_a_page_that_stood_open_gets_a_new_address(document: Document, officer: User) -> None:
    client = console(officer)
    address = client.get(f"{DOCUMENTS}{document.pk}/page/2/").json()["address"]
    assert client.get(address).status_code == 200
    assert client.get(f"{DOCUMENTS}{document.pk}/page/3/").status_code == 404
    assert client.post(f"{DOCUMENTS}{document.pk}/page/1/").status_code == 403
    assert looks(document) == [("compliance", "page 2")], "asking for an address is no look"


def test_the_profile_picture_is_compared_the_same_way(document: Document, officer: User) -> None:
    client, address = console(officer), picture_address(officer, document, 0)
    assert client.get(address).status_code == 422
    document.owner.profile.image.save("face.png", ContentFile(picture(size=(300, 300))))
    answer = client.get(address)
    assert answer["Content-Type"] == "image/webp"
    look = Entry.objects.filter(target_type="users.profile").latest("id")
    assert (look.actor, look.detail["beside"]) == (officer, document.pk)
    small = client.get(picture_address(officer, document, 1, small=True))
    assert max(Image.open(BytesIO(small.content)).size) <= 480


def test_a_broken_file_is_said_not_thrown(officer: User) -> None:
    document = make_document(people.newton(), b"%PDF-1.4 broken", "application/pdf")
    client = console(officer)
    [address] = shown(client.get(document_page(document)))
    answer = client.get(address)
    assert answer.status_code == 422
    assert "cannot be drawn" in answer.content.decode()
    document.file.delete(save=False)
    assert client.get(picture_address(officer, document, 1)).status_code == 422


@pytest.mark.parametrize("name", ["community", "access", "support"])
def test_pictures_are_shut_to_all_others(document: Document, name: str) -> None:
    person = getattr(people, name)()
    client = console(person)
    assert client.get(picture_address(person, document, 1)).status_code == 403
    assert client.get(f"{DOCUMENTS}{document.pk}/page/1/").status_code == 403
    assert looks(document) == []


# --- Ways around ------------------------------------------------------------------------------------------------------


def test_no_address_serves_the_file_itself(document: Document, officer: User) -> None:
    name = document.file.name
    for client in (console(officer), console(people.admin()), Client()):
        for address in (f"/media/{name}", f"/{name}", f"/static/{name}", f"/media/../{name}", f"/admin/{name}"):
            assert client.get(address, follow=True).status_code in (404, 200), address
            assert b"%PDF" not in client.get(address, follow=True).content, address
    for kind in ("profile", "story"):
        assert Client().get(signed_address(kind, document.pk)).status_code == 404


def test_no_page_of_the_console_says_where_the_file_lies(document: Document, officer: User) -> None:
    name = document.file.name.rsplit("/", 1)[-1]
    boss = console(people.admin())
    version = document.history.first().pk
    for address in (
        DOCUMENTS, document_page(document), f"{DOCUMENTS}{document.pk}/history/",
        f"{DOCUMENTS}{document.pk}/history/{version}/",
        f"/admin/users/user/{document.owner_id}/change/", "/admin/compliance/", f"/admin/compliance/{document.pk}/",
        f"/admin/support/{document.owner_id}/", f"{DOCUMENTS}?q={name}",
    ):  # fmt: skip
        page = boss.get(address)
        assert page.status_code == 200, address
        assert name not in page.content.decode().replace(f"q={name}", "").replace(f'value="{name}"', ""), address


def test_no_lookup_finds_a_document_by_its_file(document: Document, officer: User) -> None:
    client = console(officer)
    for lookup in (
        "file__startswith",
        "file",
        "sha256",
        "sha256__startswith",
        "fingerprint__bits",
        "owner__email__startswith",
    ):
        answer = client.get(DOCUMENTS, {lookup: "a"})
        assert answer.status_code in (302, 400), lookup


def test_an_export_holds_no_file(document: Document) -> None:
    boss = console(people.admin())
    asked = {"format": "0", "export_items": [str(document.pk)], "documentresource_id": "on"}
    asked |= {f"documentresource_{field}": "on" for field in ("file", "sha256", "comment", "fingerprint")}
    answer = boss.post(f"{DOCUMENTS}export/", asked)
    assert document.file.name not in answer.content.decode()
    assert document.sha256 not in answer.content.decode()


def test_the_api_hands_no_document_out(document: Document) -> None:
    owner = api(document.owner)
    answer = owner.get("/users/verify")
    assert document.file.name.rsplit("/", 1)[-1] not in answer.content.decode()
    assert owner.get(f"/users/verify/{document.pk}").status_code == 404
    assert settings.SIGNED_ADDRESS_SECONDS == 60


def test_reviewers_of_one_document_see_no_other_at_the_desk(document: Document) -> None:
    other = make_document(people.make_user("secretive"), pdf(2), "application/pdf")
    helper = people.make_staff("helper")
    assign_perm("users.review_document", helper, document)
    client = console(helper)
    desk = client.get("/admin/compliance/")
    assert "secretive" not in desk.content.decode()
    assert desk.context["figures"].open == 1
    page = client.get(f"/admin/compliance/{document.pk}/")
    assert page.status_code == 200
    assert "One more that you have no permission to see." in page.content.decode(), "both sent in the same file"
    assert "secretive" not in page.content.decode()
    assert f"#{other.pk}" not in page.content.decode()
    for address in (f"/admin/compliance/{other.pk}/", f"/admin/compliance/{other.pk}/state/"):
        assert client.get(address).status_code == 404
    for action in ("decide", "action", "note"):
        assert client.post(f"/admin/compliance/{other.pk}/{action}/", {"action": "claim"}).status_code == 404
    assert client.get("/admin/compliance/next/")["Location"] == f"/admin/compliance/{document.pk}/"
    bulk = client.post("/admin/compliance/bulk/", {"action": "approve", "item": [other.pk, document.pk]})
    assert "secretive" not in bulk.content.decode()


# --- Drawn once -------------------------------------------------------------------------------------------------------


def kept_of(name: str) -> list[str]:
    try:
        return default_storage.listdir(f"renditions/{name}")[1]
    except FileNotFoundError:
        return []


def test_a_page_is_drawn_once_and_marked_at_each_look(
    document: Document, officer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, drawn = console(officer), []

    def counted(*args: Any, **options: Any) -> bytes:
        drawn.append(args[2])
        return render_page(*args, **options)

    monkeypatch.setattr(renditions, "render_page", counted)
    first = client.get(picture_address(officer, document, 1))
    second = client.get(picture_address(officer, document, 1))
    other = people.make_staff("second", "Compliance Officer")
    theirs = console(other).get(picture_address(other, document, 1))
    small = client.get(picture_address(officer, document, 1, small=True))
    assert drawn == [1]
    assert Image.open(BytesIO(first.content)).size == Image.open(BytesIO(second.content)).size == (800, 800)
    assert Image.open(BytesIO(small.content)).size == (480, 480)
    assert theirs.content != second.content, "each sees their own name across it"
    assert [name for name, _ in looks(document)] == ["compliance", "compliance", "second", "compliance"]
    [kept] = kept_of(document.file.name)
    plain = Image.open(default_storage.open(f"renditions/{document.file.name}/{kept}")).convert("L")
    assert plain.getextrema() == (255, 255), "what is kept bears nobody's name"
    for address in (f"/media/renditions/{document.file.name}/{kept}", f"/renditions/{document.file.name}/{kept}"):
        assert client.get(address).status_code == 404


def test_renditions_are_deleted_with_their_file(document: Document, officer: User) -> None:
    client = console(officer)
    assert client.get(picture_address(officer, document, 1)).status_code == 200
    assert client.get(picture_address(officer, document, 2)).status_code == 200
    assert len(kept_of(document.file.name)) == 2
    renditions.delete_file(document.file.name)
    renditions.delete_file(document.file.name)
    assert kept_of(document.file.name) == []
    assert client.get(picture_address(officer, document, 1)).status_code == 422


@pytest.mark.parametrize("left", [b"", b"RIFF", 0.5])
def test_incomplete_renditions_are_drawn_again(document: Document, officer: User, left: Any) -> None:
    client = console(officer)
    assert client.get(picture_address(officer, document, 1)).status_code == 200
    [kept] = kept_of(document.file.name)
    name = f"renditions/{document.file.name}/{kept}"
    with default_storage.open(name) as file:
        whole = file.read()
    with default_storage.open(name, "wb") as file:
        file.write(whole[: int(len(whole) * left)] if isinstance(left, float) else left)
    assert client.get(picture_address(officer, document, 1)).status_code == 200
    assert kept_of(document.file.name) == [kept]
    with default_storage.open(name) as file:
        assert file.read() == whole


def test_renditions_that_fail_to_save_are_discarded(
    document: Document, officer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []

    def half(file: ContentFile[bytes], *_args: Any) -> Iterator[bytes]:
        yield file.read(100)
        found.append([name for name in kept_of(document.file.name) if not name.endswith(".part")])
        raise OSError("disk full")

    client = console(officer)
    with monkeypatch.context() as full:
        full.setattr(ContentFile, "chunks", half)
        assert client.get(picture_address(officer, document, 1)).status_code == 200
    assert found == [[]], "a request in the meantime finds nothing"
    assert kept_of(document.file.name) == []
    assert client.get(picture_address(officer, document, 1)).status_code == 200
    assert len(kept_of(document.file.name)) == 1


def test_desk_shows_items_without_pages_while_storage_is_unavailable(
    document: Document, officer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_options: Any) -> None:
        raise OSError("away")

    client = console(officer)
    monkeypatch.setattr(FileSystemStorage, "open", away)
    assert document.pages is None
    for place in (document_page(document), f"/admin/compliance/{document.pk}/"):
        page = client.get(place)
        assert page.status_code == 200, place
        [address] = shown(page)
        assert client.get(address).status_code == 503


def test_a_very_long_page_is_sent_as_what_it_is(officer: User) -> None:
    long = make_document(people.newton(), picture("PNG", size=(600, 18_000), mode="L"), "image/png")
    answer = console(officer).get(picture_address(officer, long, 1))
    assert answer["Content-Type"] == "image/jpeg"
    assert Image.open(BytesIO(answer.content)).format == "JPEG"


def test_the_desk_says_where_letters_cannot_be_drawn(document: Document, officer: User) -> None:
    client = console(officer)
    sentence = "Some characters of this file are not shown"
    for place in (document_page(document), f"/admin/compliance/{document.pk}/"):
        assert sentence not in client.get(place).content.decode()
    Document.objects.filter(pk=document.pk).update(letters_missing=True)
    for place in (document_page(document), f"/admin/compliance/{document.pk}/"):
        assert sentence in client.get(place).content.decode()
