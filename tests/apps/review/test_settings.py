"""Settings of the desks: who changes them, their versions, and that no officer overwrites what they have not seen."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from apps.review.models import Goal
from apps.users.models import QualityShare, ReviewRule, User
from apps.users.verification.four_eyes import save_rule
from apps.users.verification.quality import set_share
from tests import people
from tests.console import console, links
from tests.factories import make_document
from tests.races import at_once, won

pytestmark = pytest.mark.django_db

PAGE = "/admin/compliance/settings/"
RIGHTS = ("change_reviewrule", "change_qualityshare", "change_goal")


def lead(*rights: str, name: str = "lead", group: str = "Compliance Officer") -> User:
    """An officer who was given these rights too."""
    person = people.make_staff(name, *filter(None, [group]))
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return person


def sent(client: Client, setting: str, page: str = PAGE, **filled: Any) -> Any:
    """Fill in one section of the page as it stands, and send it."""
    shown = client.get(page).content.decode()
    section = shown[shown.index(f'id="setting-{setting}"') :]
    rule = re.search(r'name="rule" value="(\d+)"', section)
    version = re.search(r'name="version" value="(\d+)"', section)
    known = {"rule": rule[1]} if rule else {}
    known |= {"version": version[1]} if version else {}
    return client.post(page, {"setting": setting} | known | filled)


def test_staff_change_the_settings_they_have_permission_for() -> None:
    assert PAGE not in links(console(people.compliance()).get("/admin/compliance/"))
    for number, right in enumerate(RIGHTS):
        client = console(lead(right, name=f"lead{number}"))
        assert PAGE in links(client.get("/admin/compliance/"))
        page = client.get(PAGE).content.decode()
        shown = [code for code in ("rules", "share", "goal") if f'id="setting-{code}"' in page]
        assert shown == [("rules", "share", "goal")[number]]
        for code in {"rules", "share", "goal"} - set(shown):
            assert client.post(PAGE, {"setting": code, "action": "add", "percent": 3, "hours": 3}).status_code == 403
    assert not ReviewRule.objects.exists()
    assert not QualityShare.objects.exists()


def test_a_refusal_names_the_right_that_the_setting_asks_for() -> None:
    answer = console(lead("change_qualityshare")).post(PAGE, {"setting": "rules", "action": "add"})
    assert answer.status_code == 403
    assert "You need the permission “Can change four-eyes rule”." in answer.content.decode()


def test_changing_rules_does_not_need_permission_to_review() -> None:
    client = console(lead("change_reviewrule", group=""))
    page = client.get("/admin/")
    assert PAGE in links(page)
    assert "/admin/compliance/" not in links(page)
    assert client.get(PAGE).status_code == 200
    assert "/admin/compliance/" not in links(client.get(PAGE))
    assert client.get("/admin/compliance/").status_code == 403


def test_a_rule_is_added_switched_and_removed_in_plain_text() -> None:
    client = console(lead(*RIGHTS))
    filled = {"action": "add", "doc_type": "business", "role": "brand", "after_rejection": "1", "followers_from": ""}
    page = client.post(PAGE, {"setting": "rules"} | filled, follow=True).content.decode()
    scope = "Business documents of brands that were rejected before"
    assert f"Two approvals are now required for: {scope}." in page
    again = client.post(PAGE, {"setting": "rules"} | filled)
    assert again.status_code == 409
    assert "This rule exists already" in again.content.decode()
    assert sent(client, "rules", action="off").status_code == 302
    assert not ReviewRule.objects.get().active
    assert sent(client, "rules", action="on").status_code == 302
    assert sent(client, "rules", action="off").status_code == 302
    assert sent(client, "rules", action="remove").status_code == 302
    assert not ReviewRule.objects.exists()
    timeline = client.get(PAGE).content.decode()
    timeline = timeline[timeline.index("data-timeline") :]
    assert timeline.count(scope) == 5
    assert "<strong>lead</strong> deleted (" in timeline
    assert "Active: <del>Yes</del> → <ins>No</ins>" in timeline


@pytest.mark.parametrize(
    ("setting", "filled", "said"),
    [
        ("rules", {"action": "add", "doc_type": "poem", "role": "brand"}, "There is no such kind."),
        ("rules", {"action": "add", "role": "staff", "after_rejection": "1"}, "There is no such role."),
        ("rules", {"action": "add", "followers_from": "many"}, "Enter a number from 1 to 1,000,000"),
        ("rules", {"action": "add", "followers_from": "9999999"}, "Enter a number from 1 to 1,000,000"),
        ("rules", {"action": "burn"}, "Unknown action. Reload the page and choose again."),
        ("share", {"percent": "101"}, "Enter a whole number from 0 to 100."),
        ("share", {"percent": ""}, "Enter a whole number from 0 to 100."),
        ("goal", {"hours": "0"}, "Enter whole hours, from 1 to 2160."),
        ("goal", {"hours": "1.5"}, "Enter whole hours, from 1 to 2160."),
    ],
)
def test_invalid_settings_are_explained_with_their_input(setting: str, filled: dict[str, str], said: str) -> None:
    client = console(lead(*RIGHTS))
    answer = client.post(PAGE, {"setting": setting, "version": 0} | filled)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    for name in ("followers_from", "percent", "hours"):
        assert not filled.get(name) or f'value="{filled[name]}"' in page
    assert ('name="after_rejection" value="1" checked' in page) == ("after_rejection" in filled)
    assert not ReviewRule.objects.exists()
    assert not QualityShare.objects.exists()
    assert not Goal.objects.exists()


def test_goals_are_set_for_each_desk_and_count_at_once() -> None:
    person = lead("change_goal")
    person.groups.add(*people.community().groups.all())
    client = console(person)
    make_document(people.newton())
    for page, queue, hours in (
        (PAGE, "documents", 2),
        ("/admin/moderation/settings/", "cases", 3),
        ("/admin/moderation/appeals/settings/", "appeals", 4),
    ):
        assert page in links(client.get(page.removesuffix("settings/")))
        assert sent(client, "goal", page, hours=hours).status_code == 302
        assert Goal.objects.get(queue=queue).hours == hours
    assert "SLA: 2 hours." in client.get("/admin/compliance/").content.decode()
    assert sent(client, "goal", hours=5).status_code == 302
    timeline = client.get(PAGE).content.decode()
    timeline = timeline[timeline.index("data-timeline") :]
    assert "Hours: <del>2</del> → <ins>5</ins>" in timeline
    assert "appeals" not in timeline


def test_the_share_counts_for_decisions_from_then_on() -> None:
    client = console(lead(*RIGHTS))
    assert sent(client, "share", percent=35).status_code == 302
    assert sent(client, "share", percent=0).status_code == 302
    assert QualityShare.objects.get().percent == 0
    assert [version.percent for version in QualityShare.history.order_by("history_id")] == [35, 0]
    assert {version.history_user.username for version in QualityShare.history.all()} == {"lead"}


def test_the_later_of_two_concurrent_edits_is_refused() -> None:
    one, other = console(lead(*RIGHTS)), console(lead(*RIGHTS, name="second"))
    sent(one, "rules", action="add", doc_type="business")
    sent(one, "share", percent=10)
    sent(one, "goal", hours=10)
    before = other.get(PAGE).content.decode()
    old = re.findall(r'name="version" value="(\d+)"', before)
    rule = ReviewRule.objects.get()
    for setting, filled in (("rules", {"action": "off"}), ("share", {"percent": 20}), ("goal", {"hours": 20})):
        assert sent(one, setting, **filled).status_code == 302
    stale: list[tuple[str, dict[str, Any]]] = [
        ("rules", {"action": "remove", "rule": rule.pk}), ("share", {"percent": 99}), ("goal", {"hours": 99}),
    ]  # fmt: skip
    for version, (setting, filled) in zip(old, stale, strict=True):
        answer = other.post(PAGE, {"setting": setting, "version": version} | filled)
        assert answer.status_code == 409
        assert "This was changed since you opened the page." in answer.content.decode()
    assert (QualityShare.objects.get().percent, Goal.objects.get().hours, ReviewRule.objects.count()) == (20, 20, 1)


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_ten_concurrent_settings_is_created() -> None:
    boss = people.admin()
    shares = at_once([partial(set_share, boss, percent=number, version=0) for number in range(1, 11)])
    assert len(won(shares)) == QualityShare.objects.count() == 1
    rules = at_once([partial(save_rule, boss, None, role="brand") for _ in range(10)])
    assert len(won(rules)) == ReviewRule.objects.count() == 1


def test_the_password_is_asked_again_and_what_was_filled_in_comes_along() -> None:
    client = console(lead(*RIGHTS))
    client.get(PAGE)
    session = client.session
    session["confirmed_at"] = (timezone.now() - timedelta(minutes=11)).timestamp()
    session.save()
    asked = client.post(PAGE, {"setting": "share", "percent": 40, "version": 0})
    assert asked.status_code == 401
    assert 'name="percent" value="40"' in asked.content.decode()
    assert not QualityShare.objects.exists()
    filled = {"setting": "share", "percent": 40, "version": 0, "_proof": people.PASSWORD}
    assert client.post(PAGE, filled).status_code == 302
    assert QualityShare.objects.get().percent == 40


def test_the_page_costs_the_same_however_many_rules(django_assert_num_queries: Any) -> None:
    client = console(lead(*RIGHTS))
    for number in range(1, 12):
        sent(client, "rules", action="add", followers_from=number)
        if number in (1, 11):
            with django_assert_num_queries(14):
                client.get(PAGE)


def test_access_managers_grant_settings_permissions_with_warnings() -> None:
    client = console(people.access())
    board = client.get("/admin/auth/group/add/").content.decode()
    for name in ("Can change four-eyes rule", "Can change share of blind checks", "Can change SLA"):
        assert name in board
    assert "Can see how officers agree" in board
    ticked = Permission.objects.filter(codename__in=("review_document", *RIGHTS[:2]))
    filled = {"name": "Leads", "permissions": [each.pk for each in ticked]}
    preview = client.post("/admin/auth/group/add/", filled | {"_preview": "1"}).content.decode()
    assert "approves documents and decides which ones two approve" in preview
    assert "approves documents and decides how many are checked twice" in preview
    assert client.post("/admin/auth/group/add/", filled).status_code == 302
    assert console(people.make_staff("other", "Leads")).get(PAGE).status_code == 200
