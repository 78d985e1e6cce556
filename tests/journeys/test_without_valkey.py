"""The main journeys of console and API while Valkey is away, full or takes no writes, and after it is well again."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from guardian.shortcuts import assign_perm

from apps.chat.models import Message
from apps.events.models import Event
from apps.infra import valkey
from apps.moderation.reporting import report
from apps.review.models import Reveal
from apps.stories.models import Story
from apps.users.models import User
from apps.users.verification.upload import send_document
from tests import people
from tests.api.realtime.processes import Broker
from tests.apps.chat.people import room_of
from tests.client import api
from tests.console import console
from tests.drawn import png, upload
from tests.factories import make_event, make_story

pytestmark = pytest.mark.django_db

GROUPS = ("Compliance Officer", "Community Manager", "Access Manager", "User Support Specialist")
EVENTS = "/admin/events/event/"


class Valkey:
    """A server that only this module uses. It keeps what it has, even when it is killed."""

    def __init__(self, folder: Path) -> None:
        self.broker = Broker(folder, keeps=True)
        self.client = redis.Redis.from_url(self.broker.url)
        self.is_away = False

    def trouble(self, kind: str) -> None:
        match kind:
            case "away":
                self.broker.kill()
                self.is_away = True
            case "full":
                self.client.config_set("maxmemory", 1)
            case "read-only":
                self.client.replicaof("127.0.0.1", 1)
            case "without-replicas":
                self.client.config_set("min-replicas-to-write", 1)

    def recover(self) -> None:
        if self.is_away:
            self.broker.start()
            self.is_away = False
        self.client.config_set("maxmemory", 0)
        self.client.config_set("min-replicas-to-write", 0)
        self.client.replicaof("no", "one")


@pytest.fixture(scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    with server.broker:
        yield server


@pytest.fixture
def server(_server: Valkey, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    """What the platform asks, each time anew: nothing is spared because something before it failed."""
    _server.client.flushdb()
    settings.REDIS_URL = _server.broker.url
    monkeypatch.setattr(valkey, "LEAVE_ALONE", 0.0)
    yield _server
    _server.recover()


@pytest.fixture(params=["away", "full", "read-only", "without-replicas"])
def trouble(request: pytest.FixtureRequest, server: Valkey) -> Callable[[], None]:
    return lambda: server.trouble(request.param)


@pytest.fixture
def boss() -> User:
    staff = people.make_staff("boss", *GROUPS)
    for verb in ("export", "import"):
        assign_perm(f"events.{verb}_event", staff)
    return staff


def sign_in(client: Client, password: str = people.PASSWORD) -> Any:
    return client.post("/admin/login/?next=/admin/", {"username": "boss", "password": password})


def test_the_console_goes_on(
    server: Valkey, trouble: Callable[[], None], boss: User, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bob = people.alice(), people.bob()
    document = send_document(people.newton(), upload(png()), doc_type="identity")
    story = make_story(alice)
    case = report(bob, kind="story", target_id=story.pk, reason="spam").case
    assert case is not None
    trouble()

    client = Client()
    assert client.get("/admin/login/").status_code == 200
    assert sign_in(client, "wrong").status_code == 200
    assert sign_in(client).status_code == 302
    for page in ("", "compliance/", "moderation/", "access/", "support/", "search/?s=user", "stories/story/"):
        assert client.get(f"/admin/{page}").status_code == 200, page

    for item, decision in (
        (f"/admin/compliance/{document.pk}/", {"verdict": "approved"}),
        (f"/admin/moderation/{case.pk}/", {"outcome": "removed"}),
    ):
        assert client.get(item).status_code == 200
        assert client.post(f"{item}action/", {"action": "renew"}).status_code == 204
        state = client.get(f"{item}state/").json()
        assert (state["claimed_by_me"], state["others"]) == (True, [])
        assert client.post(f"{item}decide/", decision | {"version": state["version"]}).status_code == 302
    document.refresh_from_db()
    assert document.status == "approved"
    assert Story.objects.get(pk=story.pk).removed_at

    sent = {"type": "users.user", "id": alice.pk, "field": "email", "reason": "asked by phone", "next": "/admin/"}
    assert client.post("/admin/reveal/", sent).status_code == 302
    assert Reveal.objects.get().staff == boss
    assert caplog.text.count("Valkey does not answer") == 1


def test_a_session_that_was_ended_meanwhile_stays_dead(server: Valkey, trouble: Callable[[], None], boss: User) -> None:
    client = Client()
    sign_in(client)
    assert client.get("/admin/").status_code == 200
    stolen = Client()
    stolen.cookies = client.cookies.copy()
    session = stolen.session
    trouble()
    assert client.post("/admin/logout/").status_code == 200
    server.recover()
    assert stolen.get("/admin/").status_code == 302
    assert not session.exists(session.session_key)
    assert sign_in(client).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_the_api_goes_on(server: Valkey, trouble: Callable[[], None]) -> None:
    alice, bob = people.alice(), people.bob()
    room = room_of(alice, bob)
    trouble()

    newcomer = {"username": "dora", "email": "dora@example.com", "password": "over-the-hills-9", "role": "brand"}
    assert api().post("/users/auth/register", newcomer).status_code == 201
    login = {"username": "alice", "password": people.PASSWORD}
    assert api().post("/users/auth/login", login | {"password": "wrong"}).status_code == 401
    tokens = api().post("/users/auth/login", login)
    assert tokens.status_code == 200
    renewed = api().post("/users/auth/refresh", {"refresh": tokens.json()["refresh"]})
    assert renewed.status_code == 200

    app = api(alice)
    assert app.get("/users/profile").status_code == 200
    assert app.patch("/users/profile", {"bio": "Hills"}).json()["bio"] == "Hills"
    assert app.post("/chat", {"room": room.name, "message": "Hi"}).status_code == 201
    assert Message.objects.get().text == "Hi"
    assert app.upload("/stories", content_file=upload(png()), caption="Sea").status_code == 201
    assert app.get("/stories/999999").status_code == 404
    refused = app.post("/chat/ticket")
    assert (refused.status_code, refused.json()["type"]) == (503, "try-again")
    assert refused.json()["detail"] == "Tickets cannot be given at the moment. Try again shortly."

    server.recover()
    assert app.post("/chat/ticket").status_code == 201
    app.get("/stories/999999")
    assert list(server.client.scan_iter("limit:*"))
    assert list(server.client.scan_iter("refused:*"))


def test_guesses_have_a_limit_all_along(server: Valkey, trouble: Callable[[], None], settings: Any) -> None:
    """One that is full or read-only still answers how few wrong guesses it knows of."""
    settings.LIMITS = settings.LIMITS | {"login_account": (2, 600)}
    people.alice()
    trouble()

    def login(password: str) -> int:
        return int(api().post("/users/auth/login", {"username": "alice", "password": password}).status_code)

    assert [login("wrong") for _guess in range(3)] == [401, 401, 429]
    assert login(people.PASSWORD) == 429
    server.recover()
    assert login(people.PASSWORD) == 429


def test_an_import_says_try_later_and_loses_nothing(server: Valkey, trouble: Callable[[], None], boss: User) -> None:
    event = make_event(people.alice(), "Before")
    client = console(boss)

    def choose(title: str) -> Any:
        table = SimpleUploadedFile("events.csv", f"id,title\n{event.pk},{title}\n".encode())
        return client.post(f"{EVENTS}import/", {"import_file": table, "format": "0"}, follow=True)

    def confirm() -> Any:
        return client.post(f"{EVENTS}process_import/", form, follow=True)

    def title() -> str:
        return Event.objects.get(pk=event.pk).title

    form = choose("After").context["confirm_form"].initial
    trouble()
    with suppress(redis.RedisError):
        server.client.set("probe", "x")
        pytest.fail("It takes writes.")
    if server.is_away or not _removes(server):
        assert "Nothing was changed. Try again shortly." in confirm().text
        assert title() == "Before"
        server.recover()
    assert "1 row changed." in confirm().text
    assert title() == "After"
    assert "Choose the file again" in confirm().text


def _removes(server: Valkey) -> bool:
    """Whether it deletes: one that is full does."""
    try:
        server.client.delete("nothing")
    except redis.RedisError:
        return False
    return True


def test_no_file_is_taken_for_an_import_that_cannot_be_kept(
    server: Valkey, trouble: Callable[[], None], boss: User
) -> None:
    trouble()
    table = SimpleUploadedFile("events.csv", b"id,title\n1,Other\n")
    page = console(boss).post(f"{EVENTS}import/", {"import_file": table, "format": "0"}, follow=True)
    assert page.status_code == 200
    assert "Files cannot be imported at the moment. Nothing was changed. Try again shortly." in page.text
    assert "confirm_form" not in page.context


def test_a_hanging_valkey_is_waited_for_once(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boss: User
) -> None:
    settings.VALKEY_TIMEOUTS = {"request": 0.05}
    monkeypatch.setattr(valkey, "LEAVE_ALONE", 60.0)
    document = send_document(people.newton(), upload(png()), doc_type="identity")
    app = api(people.alice())
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "valkey.sock"))
        hanging.listen()
        settings.REDIS_URL = f"unix://{tmp_path}/valkey.sock"
        client = Client()
        assert sign_in(client).status_code == 302
        for page in ("", f"{document.pk}/", f"{document.pk}/state/"):
            assert client.get(f"/admin/compliance/{page}").status_code == 200
        assert app.get("/users/profile").status_code == 200
        assert app.get("/stories/999999").status_code == 404
        assert app.post("/chat/ticket").status_code == 503
        hanging.setblocking(False)
        hanging.accept()[0].close()
        with pytest.raises(BlockingIOError):
            hanging.accept()
