"""What every desk with a queue does, tried at the desk of compliance: claims, the way onward, undo, many at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client, override_settings
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.review.decisions.models import Decision
from apps.review.models import Note, Preference, SavedFilter
from apps.review.preferences import prefer
from apps.users.models import Document, User
from apps.users.staff.object_grants import grant_on_row
from apps.users.verification.review import review_document
from apps.users.verification.upload import send_document
from tests import people
from tests.console import console
from tests.drawn import png, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera(db: None) -> User:
    return people.make_staff("vera", "Compliance Officer")


@pytest.fixture
def omar(db: None) -> User:
    return people.make_staff("omar", "Compliance Officer")


@pytest.fixture
def queue(db: None) -> list[Document]:
    """Three documents, the oldest first."""
    documents = []
    for number in range(3):
        owner = people.make_user(f"owner{number}", verified=False)
        document = send_document(owner, upload(png()), doc_type="identity")
        Document.objects.filter(pk=document.pk).update(created_at=timezone.now() - timedelta(hours=9 - number))
        documents.append(document)
    return documents


def item(document: Document, page: str = "") -> str:
    return f"/admin/compliance/{document.pk}/{page}"


def open_item(client: Client, document: Document) -> Any:
    """The page, as its script leaves it: what was free is claimed."""
    page = client.get(item(document))
    if 'data-free="1"' in page.text:
        assert client.post(item(document, "action/"), {"action": "renew"}).status_code == 204
    return page


def state(client: Client, document: Document) -> dict[str, Any]:
    return client.get(item(document, "state/")).json()


def approve(client: Client, document: Document, **more: Any) -> Any:
    document.refresh_from_db()
    data = {"verdict": "approved", "version": document.version} | more
    return client.post(item(document, "decide/"), data)


# --- Claims -----------------------------------------------------------------------------------------------------------


def test_opening_claims_by_a_post_and_others_look_only(vera: User, omar: User, queue: list[Document]) -> None:
    first, second = console(vera), console(omar)
    assert 'name="verdict"' in first.get(item(queue[0]), headers={"Sec-Fetch-Site": "cross-site"}).text
    queue[0].refresh_from_db()
    assert (queue[0].claimed_by, Entry.objects.filter(verb=Action.CLAIMED).count()) == (None, 0)
    open_item(first, queue[0])
    page = second.get(item(queue[0])).text
    assert 'name="verdict"' not in page
    assert "Claimed by vera until " in page
    assert approve(second, queue[0]).status_code == 409
    queue[0].refresh_from_db()
    assert (queue[0].status, queue[0].claimed_by) == ("pending", vera)


def test_item_state_names_the_claim_holder_and_other_viewers(vera: User, omar: User, queue: list[Document]) -> None:
    first, second = console(vera), console(omar)
    open_item(first, queue[0])
    assert state(first, queue[0]) == {
        "version": 1, "open": True, "holder": "vera", "claimed_by_me": True, "others": [], "sentence": "",
    }  # fmt: skip
    assert state(second, queue[0])["others"] == ["vera"]
    assert state(first, queue[0])["others"] == ["omar"]
    second.post(item(queue[0], "action/"), {"action": "take_over", "reason": "vera is at lunch"})
    assert state(first, queue[0])["holder"] == "omar"
    assert approve(second, queue[0]).status_code == 302
    told = state(first, queue[0])
    assert (told["open"], told["version"]) == (False, 2)
    assert told["sentence"].startswith("Approved by omar")


def test_without_valkey_presence_is_empty_and_conflicts_are_refused(
    vera: User, omar: User, queue: list[Document]
) -> None:
    with override_settings(REDIS_URL="unix:///nowhere/valkey.sock"):
        first, second = console(vera), console(omar)
        open_item(first, queue[0])
        assert state(second, queue[0])["others"] == []
        assert state(second, queue[0])["holder"] == "vera"
        assert approve(second, queue[0]).status_code == 409
        assert approve(first, queue[0]).status_code == 302
        assert state(second, queue[0])["open"] is False


def test_a_stale_page_overwrites_nothing_and_keeps_what_was_typed(
    vera: User, omar: User, queue: list[Document]
) -> None:
    client = console(vera)
    client.get(item(queue[0]))
    client.post(item(queue[0], "action/"), {"action": "release"})
    review_document(omar, queue[0].pk, verdict="rejected", reason="expired")
    response = client.post(item(queue[0], "decide/"), {"verdict": "approved", "version": 1, "comment": "Fine"})
    assert response.status_code == 409
    assert "Rejected by omar" in response.text
    queue[0].refresh_from_db()
    assert (queue[0].status, queue[0].comment) == ("rejected", "")


def test_invalid_decisions_are_shown_with_their_input(vera: User, queue: list[Document]) -> None:
    client = console(vera)
    client.get(item(queue[0]))
    data = {"verdict": "rejected", "version": 1, "comment": "Please send the back, too"}
    response = client.post(item(queue[0], "decide/"), data)
    assert response.status_code == 422
    assert "Please send the back, too" in response.text


def test_a_take_over_says_why_and_is_kept(vera: User, omar: User, queue: list[Document]) -> None:
    open_item(console(vera), queue[0])
    client = console(omar)
    assert client.post(item(queue[0], "action/"), {"action": "take_over", "reason": " "}).status_code == 422
    client.post(item(queue[0], "action/"), {"action": "take_over", "reason": "asked to"})
    entry = Entry.objects.filter(verb=Action.CLAIMED).latest("id")
    assert (entry.actor, entry.reason, entry.detail["taken_from"]) == (omar, "asked to", vera.pk)


def test_renewing_a_lost_claim_is_refused(vera: User, omar: User, queue: list[Document]) -> None:
    client = console(vera)
    client.get(item(queue[0]))
    assert client.post(item(queue[0], "action/"), {"action": "renew"}).status_code == 204
    console(omar).post(item(queue[0], "action/"), {"action": "take_over", "reason": "asked to"})
    assert client.post(item(queue[0], "action/"), {"action": "renew"}).status_code == 409


# --- The way onward ---------------------------------------------------------------------------------------------------


def test_deciding_leads_to_the_next_one_and_at_the_end_to_the_desk(vera: User, queue: list[Document]) -> None:
    client = console(vera)
    assert client.get("/admin/compliance/next/").url == item(queue[0])
    for document, onward in zip(queue, [item(queue[1]), item(queue[2]), "/admin/compliance/"], strict=True):
        client.get(item(document))
        assert approve(client, document).url == onward


def test_the_script_gets_the_item_alone(vera: User, queue: list[Document]) -> None:
    client = console(vera)
    whole, part = client.get(item(queue[0])).text, client.get(item(queue[0]), headers={"X-Part": "1"}).text
    assert "<html" in whole
    assert "<html" not in part
    assert "data-item=" in part


@pytest.mark.parametrize(("open_page", "pushed"), [("", None), ("#content-start", None), ("?tab=mine", True)])
def test_only_another_page_gets_an_entry_in_the_history(
    vera: User, queue: list[Document], open_page: str, pushed: bool | None
) -> None:
    headers = {"X-Part": "1", "HX-Current-URL": f"http://testserver{item(queue[0])}{open_page}"}
    answer = console(vera).get(item(queue[0]), headers=headers)
    assert answer.headers.get("HX-Push-Url") == (item(queue[0]) if pushed else None)


def test_leaving_lets_go_and_goes_both_ways(vera: User, queue: list[Document]) -> None:
    client = console(vera)
    client.get(item(queue[1]))
    assert client.post(item(queue[1], "action/"), {"action": "next"}).url == item(queue[2])
    client.get(item(queue[1]))
    assert client.post(item(queue[1], "action/"), {"action": "previous"}).url == item(queue[0])
    queue[1].refresh_from_db()
    assert queue[1].claimed_by is None


def test_snoozed_and_escalated_items_leave_the_queue(vera: User, omar: User, queue: list[Document]) -> None:
    client = console(vera)
    for document in queue[:2]:
        client.get(item(document))
    assert client.post(item(queue[0], "action/"), {"action": "snooze", "hours": "999"}).status_code == 422
    assert client.post(item(queue[0], "action/"), {"action": "snooze", "hours": "4"}).url == item(queue[1])
    assert client.post(item(queue[1], "action/"), {"action": "escalate", "reason": ""}).status_code == 422
    assert client.post(item(queue[1], "action/"), {"action": "escalate", "reason": "odd seal"}).url == item(queue[2])
    assert client.get("/admin/compliance/next/").url == item(queue[2])
    assert "owner0" in client.get("/admin/compliance/?tab=snoozed").text
    assert "owner1" in client.get("/admin/compliance/?tab=escalated").text
    # It was given to an officer who is there and finds it first.
    assert console(omar).get("/admin/compliance/next/").url == item(queue[1])
    with time_machine.travel(timezone.now() + timedelta(hours=5)):
        assert console(vera).get("/admin/compliance/next/").url == item(queue[0])


def test_assigned_items_come_first_and_absent_officers_get_none(vera: User, omar: User, queue: list[Document]) -> None:
    client = console(vera)
    client.get(item(queue[2]))
    assert client.post(item(queue[2], "action/"), {"action": "assign", "to": "0"}).status_code == 422
    prefer(omar, away_until=timezone.now() + timedelta(days=1))
    assert client.post(item(queue[2], "action/"), {"action": "assign", "to": omar.pk}).status_code == 422
    prefer(omar, away_until=None)
    assert client.post(item(queue[2], "action/"), {"action": "assign", "to": omar.pk}).status_code == 302
    assert console(omar).get("/admin/compliance/next/").url == item(queue[2])
    # Opening what is assigned to a colleague claims nothing; going away gives it back.
    client.get(item(queue[2]))
    queue[2].refresh_from_db()
    assert (queue[2].claimed_by, queue[2].assigned_to) == (None, omar)
    prefer(omar, away_until=timezone.now() + timedelta(days=1))
    queue[2].refresh_from_db()
    assert queue[2].assigned_to is None


def test_notes_stay_inside_and_stand_in_the_timeline(vera: User, queue: list[Document]) -> None:
    client = console(vera)
    client.get(item(queue[0]))
    assert client.post(item(queue[0], "note/"), {"text": " "}).status_code == 422
    assert client.post(item(queue[0], "note/"), {"text": "a\x00b"}).status_code == 422
    client.post(item(queue[0], "note/"), {"text": "The seal looks new."})
    assert Note.objects.get().author == vera
    page = client.get(item(queue[0])).text
    assert "The seal looks new." in page
    assert "submitted" in page
    assert 'data-kind="note"' in page


# --- Undo and many at once --------------------------------------------------------------------------------------------


def test_undo_reopens_the_item_without_notifying_the_owner(vera: User, queue: list[Document]) -> None:
    client = console(vera)
    client.get(item(queue[0]))
    approve(client, queue[0])
    assert f"Approved: {queue[0]}" in client.get("/admin/compliance/").text
    decision = Decision.objects.get()
    response = client.post("/admin/compliance/undo/", {"decision": decision.pk})
    assert response.url == item(queue[0])
    queue[0].refresh_from_db()
    assert queue[0].status == "pending"
    assert client.post("/admin/compliance/undo/", {"decision": decision.pk}).status_code == 409
    assert client.post("/admin/compliance/undo/", {"decision": "x"}).status_code == 404


def test_a_bulk_is_previewed_done_and_undone_with_what_is_left_out_named(
    vera: User, omar: User, queue: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    from admin_dashboards.compliance.desk import ComplianceDesk
    from admin_dashboards.review.bulk import BulkAction

    def do(self: Any, request: Any, action: Any, one: Document, batch: Any) -> str:
        review_document(request.user, one.pk, verdict="approved", version=one.version, batch=batch)
        return "approved"

    if not ComplianceDesk.bulk_actions:  # the frame, whatever this desk does with it
        monkeypatch.setattr(ComplianceDesk, "bulk_actions", (BulkAction("approve", "Approve"),))
        monkeypatch.setattr(ComplianceDesk, "bulk_preview", lambda *_: "will be approved")
        monkeypatch.setattr(ComplianceDesk, "bulk_do", do)
    client = console(vera)
    chosen = {"action": "approve", "item": [document.pk for document in queue]}
    preview = client.post("/admin/compliance/bulk/", chosen).text
    assert not Decision.objects.exists()
    assert "3 items" in preview
    review_document(omar, queue[1].pk, verdict="rejected", reason="expired")
    versions = {f"version_{document.pk}": 1 for document in queue}
    batch = {"batch": "6b1b36cb-9e6a-4bb0-9d4d-0c1a2b3c4d5e", "confirmed": "1"}
    done = client.post("/admin/compliance/bulk/", chosen | versions | batch).text
    assert "2 items decided." in done
    assert "One skipped." in done
    review_document_again = Document.objects.get(pk=queue[2].pk)
    assert review_document_again.status == "approved"
    # One of the two changes before the batch is taken back.
    Document.objects.filter(pk=queue[0].pk).update(comment="changed since")
    undone = client.post("/admin/compliance/undo/", {"batch": batch["batch"]}).text
    assert "One decision undone." in undone
    assert "changed since the decision" in undone
    assert Document.objects.get(pk=queue[2].pk).status == "pending"
    assert Document.objects.get(pk=queue[0].pk).status == "approved"


# --- Who sees what ----------------------------------------------------------------------------------------------------


def test_grants_on_rows_open_the_desk_for_these_alone(vera: User, queue: list[Document]) -> None:
    brands = people.make_staff("brands")
    grant_on_row(people.admin(), brands, "users.review_document", queue[1])
    client = console(brands)
    page = client.get("/admin/compliance/").text
    assert "owner1" in page
    assert "owner0" not in page
    assert "<dt>Open</dt><dd>1</dd>" in page
    assert client.get("/admin/compliance/next/").url == item(queue[1])
    assert client.get(item(queue[1])).status_code == 200
    assert client.get(item(queue[0])).status_code == 404
    assert client.get(item(queue[0], "state/")).status_code == 404
    assert client.post(item(queue[0], "action/"), {"action": "claim"}).status_code == 404


def test_the_desk_costs_a_fixed_number_of_queries(
    vera: User, queue: list[Document], django_assert_max_num_queries: Any
) -> None:
    client = console(vera)
    client.get("/admin/compliance/")
    with django_assert_max_num_queries(18):
        client.get("/admin/compliance/")


# --- Filters and preferences ------------------------------------------------------------------------------------------


def test_filters_are_kept_own_and_shared(vera: User, omar: User) -> None:
    client, other = console(vera), console(omar)
    save = {
        "place": "admin:desk_compliance",
        "query": "kind=business&p=3",
        "name": "Firms",
        "shared": "on",
        "next": "/",
    }
    assert client.post("/admin/filters/", save | {"next": "/admin/compliance/?kind=business"}).status_code == 302
    kept = SavedFilter.objects.get()
    assert (kept.query, kept.shared) == ("kind=business", True)
    assert "?kind=business" in other.get("/admin/compliance/").text
    assert other.post("/admin/filters/", {"delete": kept.pk}).status_code == 403
    assert client.post("/admin/filters/", save | {"place": "admin:nowhere"}).status_code == 302
    assert client.post("/admin/filters/", save | {"name": "a\x00"}).status_code == 422
    assert SavedFilter.objects.count() == 1
    assert client.post("/admin/filters/", save | {"place": "admin:logout"}).status_code == 302
    assert SavedFilter.objects.count() == 1
    assert client.post("/admin/filters/", save | {"next": "//evil.example/"}).url == "/admin/"
    client.post("/admin/filters/", {"delete": kept.pk})
    assert not SavedFilter.objects.exists()


def test_filters_are_shared_by_those_who_work_there_and_bounded(vera: User) -> None:
    support, boss, clerk = people.support(), console(people.admin()), console(vera)
    client, save = console(support), {"query": "q=a", "name": "Mine", "next": "/admin/"}
    for place, shared, status in (
        ("admin:desk_support", "", 302),
        ("admin:connections_connection_changelist", "", 302),
        ("admin:desk_support", "on", 403),
        ("admin:connections_connection_changelist", "on", 403),
        ("admin:users_document_changelist", "on", 403),
        ("admin:users_document_changelist", "", 403),
        ("admin:desk_compliance", "on", 403),
        ("admin:users_staff_changelist", "", 403),
    ):
        answer = client.post("/admin/filters/", save | {"place": place, "shared": shared})
        assert answer.status_code == status, (place, shared)
    assert set(SavedFilter.objects.values_list("place", "shared")) == {
        ("admin:desk_support", False),
        ("admin:connections_connection_changelist", False),
    }
    table = "/admin/connections/connection/?status__exact=pending"
    assert "Shared with everyone on this page" not in client.get(table).text
    theirs = SavedFilter.objects.first()
    assert theirs is not None
    assert boss.post("/admin/filters/", {"delete": theirs.pk}).status_code == 302
    assert SavedFilter.objects.filter(pk=theirs.pk).exists(), "what is not shared is nobody else's"
    SavedFilter.objects.filter(pk=theirs.pk).update(shared=True)
    assert clerk.post("/admin/filters/", {"delete": theirs.pk}).status_code == 403
    boss.post("/admin/filters/", {"delete": theirs.pk})
    assert not SavedFilter.objects.filter(pk=theirs.pk).exists()
    SavedFilter.objects.bulk_create(
        SavedFilter(owner=support, place="admin:desk_support", name=str(n), query="q=b") for n in range(49)
    )
    full = save | {"place": "admin:desk_support"}
    assert "You keep 50 filters already" in client.post("/admin/filters/", full, follow=True).text
    client.post("/admin/filters/", full | {"name": "7"})
    assert SavedFilter.objects.filter(owner=support).count() == 50
    assert SavedFilter.objects.get(name="7").query == "q=a"


def test_a_table_shows_its_filters(vera: User) -> None:
    client = console(vera)
    address = "/admin/users/document/?status__exact=pending"
    assert "Save this filter" in client.get(address).text
    save = {"place": "admin:users_document_changelist", "query": "status__exact=pending", "name": "Waiting"}
    client.post("/admin/filters/", save | {"next": address})
    page = client.get("/admin/users/document/").text
    assert 'href="/admin/users/document/?status__exact=pending"' in page
    assert "Waiting" in page


def test_the_zone_leads_to_the_preferences(vera: User, queue: list[Document]) -> None:
    prefer(vera, time_zone="Asia/Tokyo")
    page = console(vera).get("/admin/compliance/").text
    said = "hours. Times in Asia/Tokyo."
    assert f'{said} <a class="link" href="/admin/preferences/">Preferences</a>' in page


def test_the_console_reads_in_the_chosen_time_zone(vera: User, queue: list[Document]) -> None:
    client = console(vera)
    Document.objects.filter(pk=queue[0].pk).update(created_at=datetime(2026, 3, 10, 20, 15, tzinfo=UTC))
    assert "10 Mar 2026, 20:15" in client.get(item(queue[0])).text
    chosen = {"time_zone": "Asia/Kolkata", "away_until": "", "blur_pictures": "on"}
    assert client.post("/admin/preferences/", chosen).status_code == 302
    assert "11 Mar 2026, 01:45" in client.get(item(queue[0])).text
    assert "11 Mar 2026, 01:45" in console(vera).get(item(queue[0])).text
    vera.desk_preference.refresh_from_db()
    assert (vera.desk_preference.blur_pictures, vera.desk_preference.grey_pictures) == (True, False)


@pytest.mark.parametrize("zone", ["localtime", "Mars/Olympus"])
def test_time_zones_unknown_to_the_database_are_rejected(vera: User, queue: list[Document], zone: str) -> None:
    """Python knows `localtime` on most machines, PostgreSQL on none."""
    client, officer = console(vera), people.admin()
    page = client.get("/admin/preferences/").text
    assert 'value="Asia/Kolkata"' in page
    assert f'value="{zone}"' not in page
    assert client.post("/admin/preferences/", {"time_zone": zone, "away_until": ""}).status_code == 422
    # Chosen while it was offered.
    for user in (vera, officer):
        Preference.objects.update_or_create(staff=user, defaults={"time_zone": zone})
    assert "Times in UTC." in console(vera).get("/admin/compliance/").text
    browser = console(officer)
    for desk in ("compliance", "moderation", "access", "support"):
        assert browser.get(f"/admin/{desk}/").status_code == 200, desk


@pytest.mark.parametrize(
    "wrong",
    [{"time_zone": "Mars/Olympus"}, {"time_zone": ""}, {"away_until": "2001-01-01T10:00"}, {"away_until": "soon"}],
)
def test_invalid_preferences_are_explained(vera: User, wrong: dict[str, str]) -> None:
    response = console(vera).post("/admin/preferences/", {"time_zone": "UTC", "away_until": ""} | wrong)
    assert response.status_code == 422
    assert 'role="alert"' in response.text
