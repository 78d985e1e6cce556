"""The main story, from sign-up to a taken-down story: an app at the API and the sockets, staff in a browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests import people
from tests.api.realtime.client import Client, socket
from tests.browser import sign_in
from tests.drawn import picture
from tests.jobs import run_jobs

pytestmark = pytest.mark.django_db(transaction=True)


class App:
    """A client app: HTTP with a token, over the wire."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.token = ""

    def sign_in(self, username: str, password: str) -> None:
        self.token = self.call("POST", "/users/auth/login", 200, json={"username": username, "password": password})[
            "access"
        ]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    def call(self, method: str, path: str, status: int, **content: Any) -> Any:
        answer = self.http.request(method, f"{self.url}/api{path}", timeout=30, **content)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_a_newcomer_is_verified_and_takes_part(page: Page, stack_url: str) -> None:
    for staff in (people.compliance, people.community, people.access, people.support):
        staff()
    trainee = people.make_staff("trainee")
    bob = people.bob()

    # A new user signs up and sends in a picture of an identity card.
    app = App(stack_url)
    password = "a-long-pass-phrase-7"
    signed_up = app.call(
        "POST",
        "/users/auth/register",
        201,
        json={"username": "frida", "email": "frida@example.com", "password": password, "role": "influencer"},
    )
    app.sign_in("frida@example.com", password)
    refused = app.call("POST", "/events", 403, json={"title": "Party", "date": "2031-01-01T20:00:00Z", "location": "x"})
    assert refused["type"] == "verification-required"
    card = {"file": ("card.png", picture(size=(900, 600)), "image/png")}
    document = app.call("POST", "/users/verify", 201, files=card, data={"doc_type": "identity"})

    # An officer finds it by the product's path, looks at it and approves it.
    sign_in(page, "compliance")
    page.goto("/admin/")
    page.get_by_role("link", name="Documents").first.click()
    page.get_by_role("link", name="Pending", exact=True).click()
    page.get_by_role("link", name=f"#{document['id']}").click()
    seen = page.get_by_role("img", name="Page 1 of 1")
    expect(seen).to_be_visible()
    seen.evaluate("image => image.decode()")  # fails where it does not arrive, or is no picture
    page.get_by_label("Status").select_option("approved")
    page.get_by_label("Admin Comment").fill("Welcome!")
    save(page)
    expect(page.get_by_text("frida is verified")).to_be_visible()
    assert app.call("GET", "/users/profile", 200)["is_verified"]
    run_jobs(later=timedelta(seconds=10))
    assert "approved" in app.call("GET", "/notifications", 200)["results"][0]["text"]

    # They connect, join an event, and talk to another user in real time.
    other = App(stack_url)
    other.sign_in("bob", people.PASSWORD)
    event = other.call(
        "POST", "/events", 201, json={"title": "Launch Party", "date": "2031-01-01T20:00:00Z", "location": "Zoom"}
    )
    request = app.call("POST", "/connections/request", 201, json={"receiver": bob.pk})
    other.call("PATCH", f"/connections/{request['id']}/action", 200, json={"status": "accepted"})
    joined = app.call("POST", f"/events/{event['id']}/join", 200, json={"status": "going"})
    assert (joined["going"], joined["my_status"]) == (1, "going")
    room = app.call("POST", "/chat/rooms", 201, json={"participant": bob.pk})["room_name"]
    address = f"/ws/chat/{room}/?after=0"
    with socket(stack_url, address, app.token) as mine, socket(stack_url, address, other.token) as theirs:
        mine.say("Hi Bob")
        assert heard(theirs) == heard(mine) == ("frida", "Hi Bob", 1)
        theirs.say("Hello Frida")
        assert heard(mine) == ("bob", "Hello Frida", 2)

    # A moderator takes a story down: at once it is nowhere.
    picture_file = {"content_file": ("story.png", picture(), "image/png")}
    story = app.call("POST", "/stories", 201, files=picture_file, data={"caption": "Not for here"})
    other.call("GET", f"/stories/{story['id']}", 200)
    sign_in(page, "community")
    page.goto("/admin/")
    page.get_by_role("link", name="Stories").first.click()
    page.get_by_role("row", name="Not for here").get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option("delete_selected")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url("**/admin/stories/story/**")
    other.call("GET", f"/stories/{story['id']}", 404)

    # An access manager makes a role and gives it to a colleague, who then sees just that.
    sign_in(page, "access")
    page.goto("/admin/")
    page.get_by_role("link", name="Groups").first.click()
    page.get_by_role("link", name="Add group").click()
    page.get_by_label("Name").fill("Junior Moderators")
    for typed, ticked in (("Story", "Can delete story"), ("Event", "Can change event")):
        page.get_by_label("Search permissions").fill(typed)
        page.get_by_label(ticked).check()
    save(page)
    page.wait_for_url("**/admin/auth/group/")
    page.get_by_role("link", name="Users", exact=True).click()
    page.get_by_role("link", name="trainee", exact=True).click()
    page.get_by_label("Junior Moderators").check()
    save(page)
    page.wait_for_url("**/admin/users/staff/")
    sign_in(page, trainee.username)
    page.goto("/admin/")
    menu = page.get_by_role("navigation").first.get_by_role("link")
    assert {text.strip().split("\n")[-1].strip() for text in menu.all_inner_texts()} >= {"Stories", "Events"}
    assert page.goto("/admin/chat/message/").status == 403

    # A support specialist looks, and cannot touch.
    sign_in(page, "support")
    page.goto("/admin/")
    page.get_by_role("link", name="Connections").first.click()
    page.locator("#result_list tbody a").first.click()
    expect(page.get_by_text("frida").first).to_be_visible()
    expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
    for forbidden in ("/admin/stories/story/", "/admin/users/document/", f"/admin/users/staff/{trainee.pk}/change/"):
        assert page.goto(forbidden).status == 403
    assert signed_up["is_verified"] is False


def heard(client: Client) -> tuple[str, str, int]:
    frame = client.next()
    return frame["sender"], frame["message"], frame["seq"]
