"""The access desk: what it shows and revokes, and why a user has a permission or not."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.access import may
from apps.audit.models import Use
from apps.review.models import Reveal
from apps.review.preferences import prefer
from apps.users.models import GroupMembership, MfaReset, Session, User
from apps.users.staff.accounts import change_staff, groups_of
from apps.users.staff.object_grants import grant_on_row
from tests import people
from tests.console import console, fields, links
from tests.factories import make_story

pytestmark = pytest.mark.django_db

DESK = "/admin/access/"
TEAM = "Community Manager"


def part(page: Any, start: str) -> str:
    """The panel under the heading `start`."""
    text: str = page.content.decode()
    return text.partition(f">{start}</h2>")[2].partition("</section>")[0]


def long_ago(user: User) -> GroupMembership:
    member = user.group_memberships.get()
    GroupMembership.objects.filter(pk=member.pk).update(begun_at=timezone.now() - timedelta(days=91))
    return member


def test_access_desk_comes_first_in_the_menu_of_access_managers() -> None:
    page = console(people.access()).get("/admin/")
    beside_the_menu = {"/admin/", "/admin/login/", "/admin/notices/"}
    assert next(link for link in links(page) if link.startswith("/admin/") and link not in beside_the_menu) == DESK
    assert console(people.support()).get(DESK).status_code == 403


def test_access_desk_shows_grants_and_sole_access_managers() -> None:
    manager, story = people.access(), make_story(people.alice())
    nora, team = people.make_staff("nora"), Group.objects.get(name=TEAM)
    change_staff(manager, nora.pk, groups=[team], ends={team.pk: timezone.now() + timedelta(days=3)})
    grant_on_row(manager, nora, "stories.change_story", story, ends_at=timezone.now() + timedelta(days=2))
    client = console(manager)
    page = client.get(DESK)
    assert f"/admin/users/staff/{nora.pk}/change/" in links(page)
    assert TEAM in part(page, "Staff and their groups")
    assert f"story {story.pk}" in part(page, "Ends soon")
    assert TEAM in part(page, "Ends soon")
    assert "is the only permanent access manager, and there is no active superuser." in page.content.decode()
    people.admin()
    assert "only a superuser could grant permissions" in client.get(DESK).content.decode()
    people.make_staff("second", "Access Manager")
    assert "If that account is lost" not in client.get(DESK).content.decode()


def test_dangerous_pairs_are_named_rows_included() -> None:
    manager, nora = people.access(), people.make_staff("nora", "Compliance Officer")
    client = console(manager)
    assert "nora" not in part(client.get(DESK), "Separation-of-duties conflicts")
    nora.user_permissions.add(Permission.objects.get(codename="change_user"))
    assert "approves documents and edits the same users" in part(client.get(DESK), "Separation-of-duties conflicts")


def test_permissions_unused_for_90_days_are_revoked_with_one_click() -> None:
    manager, nora = people.access(), people.make_staff("nora", TEAM)
    member = long_ago(nora)
    client = console(manager)
    page = client.get(DESK)
    assert TEAM in part(page, "Unused for 90 days")
    assert f"member:{member.pk}" in page.content.decode()
    assert client.post(f"{DESK}revoke/", {"key": f"member:{member.pk}"}).status_code == 302
    assert not groups_of(nora)
    assert client.post(f"{DESK}revoke/", {"key": f"member:{member.pk}"}).status_code == 404
    assert nora.history.first().history_user == manager


@pytest.mark.parametrize("address", ["/admin/stories/story/", "/admin/events/event/"])
def test_opening_a_table_is_use(address: str) -> None:
    manager, nora = people.access(), people.make_staff("nora", TEAM)
    long_ago(nora)
    theirs, client = console(nora), console(manager)
    theirs.get("/admin/")
    theirs.get("/admin/auth/group/")
    assert TEAM in part(client.get(DESK), "Unused for 90 days"), "menus and refusals are none"
    theirs.get(address)
    assert TEAM not in part(client.get(DESK), "Unused for 90 days")
    with time_machine.travel(timezone.now() + timedelta(days=91), tick=False):
        again = console(manager).get(DESK)
        assert TEAM in part(again, "Unused for 90 days")


def test_a_action_is_use_and_is_noted_once_a_day() -> None:
    nora, story = people.make_staff("nora", TEAM), make_story(people.alice())
    client = console(nora)
    remove = {"action": "delete_selected", "_selected_action": story.pk, "post": "yes"}
    client.post("/admin/stories/story/", remove)
    assert Use.objects.filter(user=nora, perm="stories.delete_story").exists() or not may(nora, "stories.delete_story")
    with CaptureQueriesContext(connection) as queries:
        client.get("/admin/stories/story/")
        client.get("/admin/stories/story/")
    assert sum("audit_use" in query["sql"] for query in queries) <= 1
    assert set(Use.objects.values_list("last_on", flat=True)) == {timezone.now().date()}


def test_unused_row_grants_are_revoked_with_one_click() -> None:
    manager, nora, story = people.access(), people.make_staff("nora"), make_story(people.alice())
    grant_on_row(manager, nora, "stories.delete_story", story)
    grant = nora.storyuserobjectpermission_set.get()
    type(grant).objects.update(begun_at=timezone.now() - timedelta(days=91))
    client = console(manager)
    assert f"story {story.pk}" in part(client.get(DESK), "Unused for 90 days")
    assert client.post(f"{DESK}revoke/", {"key": f"story:{grant.pk}"}).status_code == 302
    assert not may(User.objects.get(pk=nora.pk), "stories.delete_story", story)


def test_revoke_buttons_are_absent_for_access_managers() -> None:
    manager, peer = people.access(), people.make_staff("peer", "Access Manager")
    own, theirs = long_ago(manager), long_ago(peer)
    Use.objects.all().delete()
    client = console(manager)
    page = client.get(DESK).content.decode()
    for member in (own, theirs):
        assert f"member:{member.pk}" not in page
        assert client.post(f"{DESK}revoke/", {"key": f"member:{member.pk}"}).status_code == 403
        assert GroupMembership.objects.filter(pk=member.pk).exists()
    admin = console(people.admin())
    assert f"member:{theirs.pk}" in admin.get(DESK).content.decode()
    assert admin.post(f"{DESK}revoke/", {"key": f"member:{theirs.pk}"}).status_code == 302


@pytest.mark.parametrize("key", ["", "member:x", "nothing:1", "member:" + "9" * 40, "user:1"])
def test_revoking_absent_grants_answers_404(key: str) -> None:
    assert console(people.access()).post(f"{DESK}revoke/", {"key": key}).status_code == 404


def test_revoking_asks_for_the_password_after_ten_minutes() -> None:
    manager, nora = people.access(), people.make_staff("nora", TEAM)
    member, client = nora.group_memberships.get(), console(manager)
    client.get("/admin/")
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        asked = client.post(f"{DESK}revoke/", {"key": f"member:{member.pk}"})
        assert asked.status_code == 401
        assert groups_of(nora)
        proof = {"key": f"member:{member.pk}", "_proof": people.PASSWORD}
        assert client.post(f"{DESK}revoke/", proof).status_code == 302
        assert not groups_of(nora)


def test_sessions_are_listed_and_ended() -> None:
    manager, nora = people.access(), people.make_staff("nora", TEAM)
    theirs, client = console(nora), console(manager)
    theirs.get("/admin/")
    session = Session.objects.get(user=nora)
    assert f'action="/admin/users/session/{session.pk}/end/"' in client.get(DESK).content.decode()
    answer = client.post(f"/admin/users/session/{session.pk}/end/", {"next": DESK})
    assert answer["Location"] == DESK
    assert "Session of nora ended." in client.get(DESK).content.decode()
    assert theirs.get("/admin/stories/story/").status_code == 302
    assert "nora" not in part(client.get(DESK), "Console sessions")


def test_ending_all_sessions_from_the_desk_leads_back_to_it_and_nowhere_else() -> None:
    nora, client = people.make_staff("nora", TEAM), console(people.access())
    console(nora).get("/admin/")
    [address] = [link for link in links(client.get(DESK)) if link.startswith(f"/admin/users/session/of/{nora.pk}/")]
    asked_first = client.get(address)
    assert DESK in links(asked_first)
    assert f'name="next" value="{DESK}"' in asked_first.text
    assert client.post(address, {"next": DESK})["Location"] == DESK
    for elsewhere in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        answer = client.post(f"/admin/users/session/of/{nora.pk}/end/", {"next": elsewhere})
        assert answer["Location"] == "/admin/users/session/"


def test_the_latest_ten_sessions_of_staff_are_listed_and_found_by_name() -> None:
    client, now = console(people.access()), timezone.now()
    client.get(DESK)
    for number in range(12):
        Session.objects.create(
            user=people.make_staff(f"nora{number:02}"),
            door=Session.EntryPoint.CONSOLE,
            last_seen_at=now - timedelta(minutes=number + 1),
            expires_at=now + timedelta(days=1),
        )
    listed = part(client.get(DESK), "Console sessions")
    assert listed.count("last active") == 10
    assert "nora08" in listed
    assert "nora09" not in listed
    assert "All console sessions (13)" in listed
    listed = part(client.get(DESK, {"q": "NORA1"}), "Console sessions")
    assert listed.count("last active") == 2
    assert "nora11" in listed
    assert "No active sessions." in part(client.get(DESK, {"q": "ghost"}), "Console sessions")


def test_times_are_relative_with_the_exact_one_on_hover_in_the_viewer_s_zone() -> None:
    manager = people.access()
    prefer(manager, time_zone="Asia/Shanghai")
    with time_machine.travel("2027-03-01T06:30:00Z", tick=False):
        listed = part(console(manager).get(DESK), "Console sessions")
        assert "last active just now" in "".join(re.split("<[^>]*>", listed))
        assert 'title="1 Mar 2027, 14:30 Asia/Shanghai"' in listed


def test_a_second_factor_is_reset_by_two() -> None:
    from tests.authenticator import enrol

    manager, second, nora = people.access(), people.make_staff("second", "Access Manager"), people.make_staff("nora")
    enrol(nora)
    client, other = console(manager), console(second)
    client.post(f"{DESK}reset/", {"person": "nora", "reason": "lost the phone"})
    reset = MfaReset.objects.get()
    confirm = f"{DESK}reset/{reset.pk}/"
    assert confirm not in client.get(DESK).content.decode()
    assert client.post(confirm).status_code == 403
    assert confirm in other.get(DESK).content.decode()
    assert other.post(confirm).status_code == 302
    assert not User.objects.filter(pk=nora.pk, authenticator__isnull=False).exists()


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        (
            {"person": "nora", "reason": "lost the phone"},
            409,
            "nora has no second factor, so there is nothing to reset.",
        ),
        ({"person": "ghost", "reason": "lost the phone"}, 404, "No user has this user name. Check the spelling."),
        ({"person": "access", "reason": "lost the phone"}, 403, "You cannot reset your own MFA."),
        ({"person": "admin", "reason": "lost the phone"}, 403, "admin is a superuser."),
        ({"person": "omar", "reason": " "}, 422, "Enter a reason of at most 500 characters."),
        ({"person": "omar", "reason": "x" * 501}, 422, "Enter a reason of at most 500 characters."),
    ],
)
def test_a_rejected_reset_is_said_at_its_form_with_what_was_typed(sent: dict[str, str], status: int, said: str) -> None:
    from tests.authenticator import enrol

    manager, _admin, _nora = people.access(), people.admin(), people.make_staff("nora")
    enrol(people.make_staff("omar"))
    answer = console(manager).post(f"{DESK}reset/", sent)
    form = part(answer, "MFA resets")
    assert answer.status_code == status
    assert said in form
    assert "<details open>" in form
    assert f'value="{sent["person"]}"' in form
    assert f'value="{sent["reason"]}"' in form
    assert form.count('aria-invalid="true"') == 1
    assert not MfaReset.objects.exists()


def test_a_second_request_for_the_same_reset_is_said_at_the_form() -> None:
    from tests.authenticator import enrol

    client = console(people.access())
    enrol(people.make_staff("nora"))
    sent = {"person": "nora", "reason": "lost the phone"}
    assert client.post(f"{DESK}reset/", sent).status_code == 302
    answer = client.post(f"{DESK}reset/", sent)
    assert answer.status_code == 409
    assert "A reset is already requested." in part(answer, "MFA resets")


def test_a_rejected_allowance_of_reveals_keeps_its_reason() -> None:
    manager, vera = people.access(), people.make_staff("vera", "User Support Specialist")
    alice, until = people.alice(), timezone.now() + timedelta(minutes=10)
    seen = {"target_type": "users.user", "target_id": alice.pk, "field": "email", "until": until}
    Reveal.objects.create(staff=vera, subject=alice, reason="a phone call", **seen)
    answer = console(manager).post(f"{DESK}reveals/", {"person": vera.pk, "reason": "more"})
    form = part(answer, "Revealed in the last 24 hours")
    assert answer.status_code == 422
    assert "<details open>" in form
    assert 'value="more"' in form
    assert 'role="alert"' in form


def test_a_button_that_comes_too_late_is_answered_on_the_desk() -> None:
    answer = console(people.access()).post(f"{DESK}revoke/", {"key": "member:999999"})
    assert answer.status_code == 404
    assert "Already revoked." in answer.text
    assert "Staff and their groups" in answer.text


def test_the_desk_asks_as_often_for_many_people() -> None:
    client = console(people.access())
    client.get(DESK)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(DESK).status_code == 200
        return len(queries)

    few = count()
    for number in range(8):
        people.make_staff(f"nora{number}", TEAM)
    assert count() == few


# --- Check a permission -------------------------------------------------------------------------------------------


def asked(client: Any, **question: Any) -> Any:
    return client.get(f"{DESK}explain/", question)


def test_explain_page_names_the_sources_of_a_permission() -> None:
    manager, story = people.access(), make_story(people.alice())
    nora, team = people.make_staff("nora"), Group.objects.get(name=TEAM)
    end = (timezone.now() + timedelta(days=3)).replace(microsecond=0)
    change_staff(manager, nora.pk, groups=[team], ends={team.pk: end})
    grant_on_row(manager, nora, "stories.delete_story", story)
    client = console(manager)
    page = asked(client, person="Nora", perm="stories.delete_story").content.decode()
    assert "Yes." in page
    assert f"Through the group “{TEAM}”, until {end:%-d %b %Y, %H:%M} UTC" in page
    page = asked(client, person="nora", perm="stories.delete_story", row=story.pk).content.decode()
    assert "Granted to this account on this object" in page
    assert "Sunrise" not in page, "by its number alone"
    assert (
        "By a rule of the product"
        in asked(client, person="alice", perm="stories.delete_story", row=story.pk).content.decode()
    )


def test_explain_page_names_the_missing_permission() -> None:
    manager, nora = people.access(), people.make_staff("nora")
    client = console(manager)
    page = asked(client, person="nora", perm="stories.delete_story")
    assert "No." in page.content.decode()
    assert "You need the permission “Can delete story”." in page.content.decode()
    assert f"/admin/auth/group/{Group.objects.get(name=TEAM).pk}/change/" in links(page)
    team = Group.objects.get(name=TEAM)
    change_staff(manager, nora.pk, groups=[team], ends={team.pk: timezone.now() + timedelta(minutes=1)})
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert (
            f"They were in {TEAM}, until" in asked(client, person="nora", perm="stories.delete_story").content.decode()
        )
    User.objects.filter(pk=nora.pk).update(is_active=False)
    assert "This account is deactivated." in asked(client, person="nora", perm="stories.delete_story").content.decode()


def test_explain_page_agrees_with_the_permission_decision() -> None:
    """For all users and permissions: the answer is what `may` decides."""
    story = make_story(people.alice())
    staff_of_all_groups = [
        getattr(people, name)() for name in ("compliance", "community", "access", "support", "admin")
    ]
    grant_on_row(staff_of_all_groups[2], staff_of_all_groups[3], "stories.delete_story", story)
    client = console(staff_of_all_groups[2])
    for person in staff_of_all_groups:
        for perm in ("stories.delete_story", "users.review_document", "auth.change_group", "users.investigate_user"):
            row = story if perm.startswith("stories") else None
            answer = asked(client, person=person.username, perm=perm, row=row.pk if row else "")
            said = ">check_circle<" in answer.content.decode().partition('id="answer"')[2].partition("</h2>")[0]
            assert said == bool(may(User.objects.get(pk=person.pk), perm, row)), (person, perm)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"person": "ghost", "perm": "stories.delete_story"}, "No user has this user name. Check the spelling."),
        ({"person": "access", "perm": "x"}, "Choose a permission."),
        ({"person": "access", "perm": "stories.delete_story", "row": "4711"}, "No object has this ID. Check the ID."),
        ({"person": "access", "perm": "stories.delete_story", "row": "9" * 50}, "No object has this ID. Check the ID."),
    ],
)
def test_explain_page_rejects_malformed_questions(question: dict[str, str], said: str) -> None:
    answer = asked(console(people.access()), **question)
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_explain_page_opens_with_an_empty_form() -> None:
    answer = console(people.access()).get(f"{DESK}explain/")
    assert answer.status_code == 200
    assert {"person", "perm", "row"} <= set(fields(answer))


# --- Is it still you? ------------------------------------------------------------------------------------------------


def test_permission_changes_ask_for_the_password() -> None:
    manager, nora, story = people.access(), people.make_staff("nora"), make_story(people.alice())
    group = Group.objects.create(name="Trainees")
    staff, groups = "/admin/users/staff/", "/admin/auth/group/"
    before = nora.history.count(), Group.objects.count(), User.objects.count()
    sent: dict[str, dict[str, Any]] = {
        f"{groups}add/": {"name": "Juniors"},
        f"{groups}{group.pk}/change/": {"name": "Others"},
        f"{groups}{group.pk}/delete/": {"post": "yes"},
        groups: {"action": "delete_selected", "_selected_action": group.pk, "post": "yes"},
        f"{staff}add/": {"username": "nils"},
        f"{staff}{nora.pk}/change/": {"username": "nils", "email": nora.email},
        f"{staff}{nora.pk}/password/": {"password1": "quite-a-long-phrase-7"},
        f"/admin/stories/story/{story.pk}/permissions/": {"holder": f"user:{nora.pk}", "perm": "stories.view_story"},
    }
    client, other = console(manager), console(people.support())
    for each in (client, other):
        each.get("/admin/")
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        for address, form in sent.items():
            assert client.post(address, form).status_code == 401, address
            assert other.post(address, form).status_code == 403, address
        assert client.get(staff).status_code == 200, "viewing needs no confirmation"
        answer = client.post(f"{groups}add/", {"name": "Juniors", "_proof": people.PASSWORD})
        assert answer.status_code == 302
        assert Group.objects.filter(name="Juniors").exists(), "what was sent came along"
    assert (nora.history.count(), Group.objects.count() - 1, User.objects.count() - 1) == before
