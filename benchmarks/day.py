"""The jobs of a working day, done in a browser: gestures, typed fields, page loads and seconds of waiting for each.

    make run                                  # in another shell, on demo data that no officer has worked on yet; wait
                                              # until its worker has inspected the documents, some minutes
    python -m benchmarks.day [--url http://127.0.0.1:8000] [--out day.json]

A gesture is a key or a click; a field that is typed into counts as one beside it. Seconds are those of the job from
its first gesture until what it is about is there. Those in which the keys sleep, because the evidence has to be seen
for 0.4 s before anything is decided, are counted by themselves. Signing in is a job of its own. Seconds depend on the
machine and what else it does, counts do not. The slow line has 1.5 s a round trip and 40 kB/s.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from devtools import chromium

PASSWORD = "infloo-demo"  # the demo's, on loopback alone
LISTENS = "() => typeof shortcuts === 'undefined' || !(shortcuts.asleep || shortcuts.busy)"
SLOW = {"offline": False, "latency": 1500, "downloadThroughput": 40_000, "uploadThroughput": 40_000}


@dataclass
class Job:
    """One job as it was done."""

    name: str
    gestures: int = 0
    typed: int = 0
    loads: int = 0
    seconds: float = 0.0
    asleep: float = 0.0
    remark: str = ""


class Person:
    """A member of staff at a browser, whose gestures are counted."""

    def __init__(self, browser: Browser, url: str, name: str) -> None:
        self.page: Page = browser.new_context(viewport={"width": 1366, "height": 768}, base_url=url).new_page()
        self.page.set_default_timeout(60_000)
        self.name = name
        self.job = Job("")
        self.page.on("request", self._count)

    def _count(self, request: Request) -> None:
        """A page that is asked for is a load, however often it leads on."""
        if request.is_navigation_request() and request.frame == self.page.main_frame and not request.redirected_from:
            self.job.loads += 1

    def key(self, *keys: str) -> None:
        for key in keys:
            started = time.monotonic()
            self.page.wait_for_function(LISTENS)
            self.job.asleep += time.monotonic() - started
            self.job.gestures += 1
            self.page.keyboard.press(key)

    def click(self, target: Any) -> None:
        target.wait_for()
        self.job.gestures += 1
        target.click()

    def type(self, target: Any, text: str) -> None:
        self.job.typed += 1
        target.fill(text)

    def write(self, text: str) -> None:
        """Into what has the focus."""
        self.job.typed += 1
        self.page.keyboard.type(text)

    def open(self, address: str) -> None:
        """Where a job begins; not counted."""
        self.page.goto(address)
        self.page.wait_for_load_state()

    def sign_in(self) -> None:
        self.page.goto("/admin/login/")
        self.page.fill("#id_username", self.name)
        self.page.fill("#id_password", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(re.compile(r"/admin/(?!login)"))

    @property
    def heading(self) -> Any:
        return self.page.locator("[data-part-heading]")

    def moved_from(self, before: str) -> None:
        """Wait until another item, or the queue, is there."""
        self.page.wait_for_function(
            "before => document.querySelector('[data-part-heading]')?.textContent !== before", arg=before
        )


class Day:
    """The jobs that were done."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    @contextmanager
    def job(self, person: Person, name: str, remark: str = "") -> Iterator[Job]:
        person.job = Job(name, remark=remark)
        started = time.monotonic()
        try:
            yield person.job
        except Exception as error:  # the others are still worth their figures
            person.job.remark = f"not done: {str(error).splitlines()[0][:120]}"
        job, person.job = person.job, Job("")  # what is done until the next job begins is not counted
        job.asleep = round(job.asleep, 2)
        job.seconds = round(time.monotonic() - started - job.asleep, 2)
        self.jobs.append(job)
        print(f"{name:44}{job.gestures:3} (+{job.typed}) {job.loads:3} loads"
              f" {job.seconds:6.2f} s {job.asleep:6.2f} s asleep  {job.remark}", flush=True)  # fmt: skip


def picture_shown(page: Page) -> None:
    page.wait_for_function(
        "() => { const one = document.querySelector('.desk-evidence img');"
        " return !one || (one.complete && one.naturalWidth > 0); }"
    )


def compliance_day(day: Day, new: Callable[[str], Person]) -> None:
    officer = new("compliance")
    page = officer.page
    with day.job(officer, "Sign in") as job:
        officer.open("/admin/login/")
        job.loads = 0
        officer.type(page.locator("#id_username"), "compliance")
        officer.type(page.locator("#id_password"), PASSWORD)
        job.gestures += 1
        page.keyboard.press("Enter")
        expect(page.locator("dl.desk-figures")).to_be_visible()
    officer.open("/admin/compliance/next/")
    page.wait_for_function(LISTENS)
    before = officer.heading.text_content()
    with day.job(officer, "Approve one document at the desk", "until the next item and its picture are there"):
        officer.key("a")
        officer.moved_from(before)
        picture_shown(page)
    before = officer.heading.text_content()
    with day.job(officer, "Reject with a reason"):
        officer.key("1", "r")
        officer.moved_from(before)
    with day.job(officer, "Undo"):
        officer.key("u")
        expect(officer.heading).to_have_text(before)
    with day.job(officer, "Five decisions"):
        for number in range(5):
            before = officer.heading.text_content()
            officer.key(*(("a",) if number else ("1", "r")))
            officer.moved_from(before)
    with day.job(officer, "Second approval requested"):
        officer.key("y")
        officer.write("the seal")
        officer.key("Enter")
        expect(page.locator(".desk-last")).to_contain_text("Second approval requested")
    before = officer.heading.text_content()
    with day.job(officer, "Snooze"):
        officer.key("s", "Tab", "Enter")
        officer.moved_from(before)
    other = new("admin")
    other.sign_in()
    other.open(page.url)
    with day.job(other, "Claim conflict, taking over", "the other sees it, too"):
        other.key("c")
        other.write("they are at lunch")
        other.key("Enter")
        expect(page.locator("[data-news]")).to_contain_text("has taken this over")
    other.open("/admin/compliance/")
    officer.open("/admin/compliance/")
    with day.job(officer, "Search"):
        officer.key("/")
        officer.write("maya")
        officer.key("Enter")
        page.wait_for_url(re.compile("q=maya"))
    officer.open("/admin/compliance/")
    with day.job(officer, "Filter"):
        officer.job.gestures += 1
        page.get_by_label("Kind").select_option("business")
        page.wait_for_url(re.compile("kind=business"))
    with day.job(officer, "Save the filter"):
        officer.click(page.get_by_text("Save this filter"))
        officer.type(page.locator(".desk-saved [name=name]"), "Business ones")
        officer.click(page.get_by_role("button", name="Save", exact=True))
        expect(page.get_by_text("“Business ones” saved")).to_be_visible()
    officer.open("/admin/compliance/")
    with day.job(officer, "Bulk approve three, then undo"):
        for number in range(3):
            officer.click(page.locator("input[name=item]").nth(number))
        officer.key("a")
        page.wait_for_url("**/bulk/**")
        officer.key("a")
        page.get_by_role("button", name="Undo all").wait_for()
        officer.key("u")
        expect(page.get_by_text("3 decisions undone.")).to_be_visible()
    officer.open("/admin/compliance/")
    with day.job(officer, "Document by the table"):
        officer.click(page.get_by_role("link", name="Documents", exact=True))
        officer.click(page.get_by_role("link", name="Pending").first)
        officer.click(page.locator("#result_list tr.data-row a").first)
        officer.job.gestures += 1
        page.get_by_label("Status").select_option("approved")
        officer.click(page.locator("button[name=_save]"))
        expect(page.get_by_text(re.compile("approved|First approval recorded")).first).to_be_visible()


def moderation_day(day: Day, new: Callable[[str], Person]) -> None:
    moderator = new("community")
    moderator.sign_in()
    page = moderator.page
    moderator.open("/admin/moderation/?tab=open&kind=message")
    page.locator("[data-row] a").first.click()
    moderator.heading.wait_for()
    with day.job(moderator, "Reveal a message in the case"):
        moderator.key("v")
        moderator.write("reported as fraud, to be read")
        moderator.key("Enter")
        page.locator(".case-talk li.is-reported p:not(:has-text('•••'))").wait_for()
    moderator.open("/admin/moderation/next/")
    with day.job(moderator, "Seven cases kept or warned"):
        for number in range(7):
            before = moderator.heading.text_content()
            moderator.key(*(("1", "d") if number == 0 else ("a",)))
            moderator.moved_from(before)
    moderator.open("/admin/moderation/")
    with day.job(moderator, "Remove a story by the table"):
        moderator.click(page.get_by_role("link", name="Stories", exact=True))
        moderator.click(page.locator("#result_list input[name=_selected_action]").first)
        moderator.job.gestures += 1
        page.locator("select[name=action]").select_option("delete_selected")
        moderator.click(page.get_by_role("button", name=re.compile("Run|Go")))
        moderator.click(page.get_by_role("button", name="Remove"))
        expect(page.get_by_text("removed: hidden from everyone except staff")).to_be_visible()
    moderator.open("/admin/events/event/")
    with day.job(moderator, "Edit an event title in place"):
        moderator.click(page.locator("a.in-place-link").first)
        moderator.type(page.get_by_label("Title"), "A quieter title")
        moderator.key("Enter")
        expect(page.get_by_text("“A quieter title” saved")).to_be_visible()
    moderator.open("/admin/moderation/appeals/next/")
    before = moderator.heading.text_content()
    with day.job(moderator, "Overturn an appeal"):
        moderator.key("t")
        moderator.write("You were right, thank you.")
        moderator.click(page.get_by_role("button", name="Overturn"))
        moderator.moved_from(before)


def access_day(day: Day, new: Callable[[str], Person]) -> None:
    manager = new("access")
    manager.sign_in()
    page = manager.page
    with day.job(manager, "Make a role, with preview"):
        manager.click(page.get_by_role("link", name="Groups", exact=True))
        manager.click(page.get_by_role("link", name=re.compile("Add group")).first)
        manager.type(page.get_by_label("Name"), "Junior Moderators")
        manager.type(page.locator(".board-search"), "delete story")
        manager.click(page.get_by_label("Can delete story"))
        manager.click(page.locator("button[name=_save]:visible").first)
        page.wait_for_url(re.compile(r"/admin/auth/group/(\?.*)?$"))
    manager.open("/admin/users/staff/?q=community")
    with day.job(manager, "Add a member with an end, with preview"):
        manager.click(page.locator("#result_list tr.data-row a").first)
        manager.click(page.get_by_label("User Support Specialist", exact=True))
        manager.type(
            page.locator(".board-group:has-text('User Support Specialist') input[type=datetime-local]"),
            _local(timedelta(days=7)),
        )
        page.get_by_text("1 person affected").wait_for()
        manager.click(page.locator("button[name=_save]:visible").first)
        page.wait_for_url(re.compile(r"/admin/users/staff/(\?.*)?$"))
    manager.open("/admin/users/staff/?q=maya")
    page.locator("#result_list tr.data-row a").first.click()
    with day.job(manager, "Grant on one object, found by its owner"):
        manager.type(page.locator("input[name=q]:visible").last, "brand1")
        manager.key("Enter")
        manager.click(page.locator("a[href*='/events/event/'][href*='holder=']").first)
        manager.click(page.get_by_label("Can change event"))
        manager.click(page.get_by_role("button", name="Grant", exact=True))
        expect(page.get_by_text("Granted to maya.lund.")).to_be_visible()
    manager.open("/admin/access/")
    with day.job(manager, "MFA reset: request"):
        manager.click(page.get_by_text("Request reset"))
        manager.type(page.locator("form[action$='/reset/'] [name=person]"), "community")
        manager.type(page.locator("form[action$='/reset/'] [name=reason]"), "they lost their phone")
        manager.key("Enter")
        expect(page.get_by_text(re.compile("no second factor|requested", re.IGNORECASE)).first).to_be_visible()
    manager.open("/admin/access/")
    with day.job(manager, "Explain"):
        manager.type(page.get_by_label("Person"), "maya.lund")
        manager.job.gestures += 1
        page.get_by_label("Permission").select_option("stories.delete_story")
        manager.click(page.get_by_role("button", name="Explain"))
        page.locator(".access-answer").wait_for()
    manager.open("/admin/access/")
    with day.job(manager, "End a session"):
        manager.click(page.get_by_role("button", name=re.compile("End this session of")).last)
        expect(page.get_by_text(re.compile("Session of .* ended"))).to_be_visible()
    with day.job(manager, "The audit log: what one person did"):
        manager.click(page.get_by_role("link", name="Audit log"))
        manager.type(page.get_by_label("Actor"), "compliance")
        manager.key("Enter")
        page.wait_for_url(re.compile("actor=compliance"))
    chief = new("admin")
    chief.sign_in()
    chief.open("/admin/compliance/settings/")
    with day.job(chief, "Change a rule"):
        chief.type(chief.page.get_by_label("Hours from receipt to decision"), "30")
        chief.key("Enter")
        expect(chief.page.get_by_text("From now on the goal is 30 hours.")).to_be_visible()


def support_day(day: Day, new: Callable[[str], Person]) -> None:
    clerk = new("support")
    clerk.sign_in()
    page = clerk.page
    with day.job(clerk, "Find a person"):
        clerk.write("influencer1")
        clerk.key("Enter")
        page.locator(".support-name").wait_for()
    with day.job(clerk, "Why can't they see it"):
        clerk.click(page.locator("a.support-thing").first)
        page.locator(".support-verdict").wait_for()
    with day.job(clerk, "The same at an earlier time"):
        clerk.type(page.locator("input[name=at]"), _local(timedelta(days=-1)))
        clerk.key("Enter")
        page.wait_for_url(re.compile("at="))
        page.locator(".support-verdict").wait_for()
    clerk.open("/admin/support/?q=influencer1")
    with day.job(clerk, "View as user"):
        clerk.click(page.get_by_role("link", name=re.compile("View as user")))
        clerk.type(page.get_by_label("Reason"), "the user asks what they see")
        clerk.click(page.get_by_role("button", name="Start"))
        page.locator(".support-answers").wait_for()


def import_day(day: Day, new: Callable[[str], Person]) -> None:
    chief = new("admin")
    chief.sign_in()
    page = chief.page
    ids = _ids_of_events(page, 1000)
    for count in (1, 1000):
        out = io.StringIO()
        csv.writer(out).writerows([["id", "title"], *([one, f"Renamed by a file of {count}"] for one in ids[:count])])
        content = out.getvalue().encode()
        rows = "1 row" if count == 1 else f"{len(ids[:count]):,} rows"
        chief.open("/admin/events/event/import/")
        with day.job(chief, f"Import {rows}: preview"):
            chief.job.gestures += 1
            file: Any = {"name": "events.csv", "mimeType": "text/csv", "buffer": content}
            page.locator("input[type=file]").set_input_files(file)
            chief.click(page.get_by_role("button", name="Preview"))
            page.get_by_role("button", name="Confirm import").wait_for()
        with day.job(chief, f"Import {rows}: confirm"):
            chief.click(page.get_by_role("button", name="Confirm import"))
            expect(page.get_by_text(re.compile(f"{rows} changed"))).to_be_visible(timeout=120_000)


def slow_day(day: Day, new: Callable[[str], Person]) -> None:
    officer = new("compliance")
    officer.sign_in()
    page = officer.page
    page.goto("/admin/compliance/next/")
    page.wait_for_function(LISTENS)
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW)
    page.wait_for_timeout(20_000)  # as long as an officer views a document: the next one's picture comes meanwhile
    before = officer.heading.text_content()
    with day.job(officer, "Slow line: approve, until the next item"):
        officer.key("a")
        officer.moved_from(before)
    with day.job(officer, "Slow line: from there until its picture"):
        picture_shown(page)


def _local(away: timedelta) -> str:
    """A time so far from now, as a field for times takes it; the demo's staff are in UTC."""
    return f"{datetime.now(UTC) + away:%Y-%m-%dT%H:%M}"


def _ids_of_events(page: Page, most: int) -> list[str]:
    """Ids of events, from the pages of their table."""
    ids: dict[str, None] = {}
    for number in range(1, most // 10 + 2):
        found = re.findall(r"/events/event/(\d+)/change/", page.request.get(f"/admin/events/event/?p={number}").text())
        if not set(found) - set(ids):
            break
        ids |= dict.fromkeys(found)
    return list(ids)[:most]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    day, path = Day(), chromium.find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])

        def new(name: str) -> Person:
            return Person(browser, options.url, name)

        for part in (slow_day, compliance_day, moderation_day, access_day, support_day, import_day):
            part(day, new)
        browser.close()
    if options.out:
        options.out.write_text(json.dumps([asdict(job) for job in day.jobs], indent=1) + "\n")


if __name__ == "__main__":
    main()
