"""A steady load of real writes by a few clients, each of which keeps a ledger of what was acknowledged.

Clients behave as good ones do: what can be said again without harm (a message by its `client_id`, a registration, a
report) is said again until it is acknowledged; what cannot (an event, a story) is sent once.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from PIL import Image
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from benchmarks.chaos.calls import NO_ANSWER, NOTHING, PATIENCE, Answer, Caller, Seen, token_in
from benchmarks.chaos.ledger import Ledger, Verdict
from benchmarks.chaos.stack import AMOUNTS, OFFICER, PASSWORD, Stack

PAUSE = 0.25
"""Seconds between two writes of a client."""
VERSION = re.compile(rb'name="version" value="(\d+)"')
PRESENT = {
    "message": "SELECT client_id FROM chat_message WHERE client_id LIKE %s",
    "socket message": "SELECT client_id FROM chat_message WHERE client_id LIKE %s",
    "account": "SELECT username FROM users_user WHERE username LIKE %s",
    "event": "SELECT title FROM events_event WHERE title LIKE %s",
    "report": "SELECT note FROM moderation_report WHERE note LIKE %s",
    "story": "SELECT caption FROM stories_story WHERE caption LIKE %s",
    "profile": "SELECT bio FROM users_profile WHERE bio LIKE %s",
}
"""By kind: the keys that are there, those of a run by their beginning."""
DECISIONS = "SELECT target_id::text FROM decisions_decision WHERE target_type = 'users.document'"


class Load:
    """Clients of one round, which is called `name`: their keys begin with it."""

    def __init__(self, stack: Stack, sample: dict[str, Any], name: str, documents: list[str], number: int) -> None:
        self.stack, self.sample, self.name, self.number = stack, sample, name, number
        self.documents = documents
        self.ledger, self.seen = Ledger(), Seen()
        self.heard: Counter[int] = Counter()
        self.is_over = threading.Event()
        self.crashes: list[str] = []
        [self.room, self.members], [self.other_room, self.others] = list(sample["members"].items())[:2]
        works = (self.talk, self.talk_by_socket, self.listen, self.register, self.host, self.report, self.post_stories,
                 self.edit_profile, self.decide, self.forget_passwords)  # fmt: skip
        self._threads = [threading.Thread(target=self._guard, args=(work,), name=work.__name__) for work in works]
        self._ready = threading.Barrier(len(works) + 1)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self._ready.wait(60)

    def stop(self) -> None:
        self.is_over.set()
        for thread in self._threads:
            thread.join()
        if self.crashes:
            raise SystemExit(f"The load itself failed: {self.crashes}")

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (Exception, SystemExit) as error:
            self.crashes.append(f"{work.__name__}: {error!r}")
            self._ready.abort()

    def _caller(self, username: str = "") -> Caller:
        caller = Caller(self.stack.ports["web"], self.seen)
        if username:
            caller.sign_in(username, PASSWORD)
        return caller

    def _each(self, kind: str, send: Callable[[str], bool], *, again: bool) -> None:
        """`send` a key after the other until the end; one that failed `again` if it may be."""
        self._ready.wait(60)
        number = 0
        while not self.is_over.is_set():
            number += 1
            key = f"{self.name}-{kind[0]}{number}"
            self.ledger.send(kind, key)
            while not (is_known := send(key)) and again and not self.is_over.wait(PAUSE):
                pass
            if is_known:
                self.ledger.acknowledge(kind, key)
            self.is_over.wait(PAUSE)

    # --- Clients --------------------------------------------------------------------------------------------------

    def talk(self) -> None:
        caller = self._caller(self.members[0])

        def send(key: str) -> bool:
            body = {"room": self.room, "message": "Shall we meet?", "client_id": key}
            return caller.call("message", "POST", "/api/chat", body).is_success

        self._each("message", send, again=True)

    def register(self) -> None:
        caller = self._caller()

        def send(key: str) -> bool:
            body = {"username": key, "email": f"{key}@infloo.example", "password": "Chaos-and-0rder", "role": "brand"}
            # The name is taken by the try before, whose answer was lost.
            answer = caller.call("account", "POST", "/api/users/auth/register", body, expected=("422",))
            return answer.status in ("201", "422")

        self._each("account", send, again=True)

    def host(self) -> None:
        caller = self._caller(self.members[1])

        def send(key: str) -> bool:
            body = {"title": key, "date": "2031-01-01T20:00:00Z", "location": "Hall 1"}
            return caller.call("event", "POST", "/api/events", body).is_success

        self._each("event", send, again=False)

    def report(self) -> None:
        """A reporter of this round reports one user after the other."""
        first = int(self.sample["usernames"][0].removeprefix("user"))
        reporter = 20 + self.number
        caller = self._caller(f"user{first + reporter:06d}")
        targets = (self.sample["users"][0] + reporter + away for away in range(1, AMOUNTS["users"] - reporter))

        def send(key: str) -> bool:
            if key not in about:
                about[key] = next(targets)
            body = {"kind": "user", "id": about[key], "reason": "other", "note": key}
            return caller.call("report", "POST", "/api/reports", body, expected=("409",)).status in ("201", "409")

        about: dict[str, int] = {}
        self._each("report", send, again=True)

    def post_stories(self) -> None:
        caller = self._caller(self.others[1])
        picture = io.BytesIO()
        Image.effect_noise((60, 60), 60).save(picture, "PNG")

        def send(key: str) -> bool:
            file = ("content_file", picture.getvalue(), {"caption": key})
            return caller.call("story", "POST", "/api/stories", file=file).is_success

        self._each("story", send, again=False)

    def edit_profile(self) -> None:
        caller = self._caller(self.sample["usernames"][5])

        def send(key: str) -> bool:
            return caller.call("profile", "PATCH", "/api/users/profile", {"bio": key}).is_success

        self._each("profile", send, again=False)

    def decide(self) -> None:
        """Documents at the console: open one, which claims it, and approve it. One that does not open comes again."""
        caller = Caller(self.stack.ports["web"], self.seen)
        caller.open_console(OFFICER, PASSWORD)
        self._ready.wait(60)
        while not self.is_over.is_set() and self.documents:
            document = self.documents.pop()
            page = caller.call("console", "GET", f"/admin/compliance/{document}/")
            if page.status == "200":
                self.ledger.send("decision", document)
                if self._decide(caller, document, page):
                    self.ledger.acknowledge("decision", document)
            else:
                self.documents.insert(0, document)
            self.is_over.wait(PAUSE)

    def _decide(self, caller: Caller, document: str, page: Answer) -> bool:
        found = VERSION.search(page.body)
        version = found[1].decode() if found else "1"
        form = {"verdict": "approved", "version": version, "csrfmiddlewaretoken": token_in(page)}
        answer = caller.call("decision", "POST", f"/admin/compliance/{document}/decide/", form=form)
        return answer.status == "302" and "/login/" not in answer.location

    def forget_passwords(self) -> None:
        """Each asks for a code by mail: a job, and the mail server."""
        caller = self._caller()
        self._ready.wait(60)
        names = self.sample["usernames"]
        first = int(names[0].removeprefix("user")) + 10
        count = 0
        while not self.is_over.is_set():
            address = f"user{first + (self.number * 40 + count) % 250:06d}@example.com"
            count += 1
            self.ledger.send("mail", address)
            if caller.call("mail", "POST", "/api/users/auth/password_reset", {"email": address}).is_success:
                self.ledger.acknowledge("mail", address)
            self.is_over.wait(2 * PAUSE)

    # --- Sockets ----------------------------------------------------------------------------------------------------

    def _socket(self, token: str, *, after: int | None = None) -> ClientConnection:
        path = f"/ws/chat/{self.other_room}/" + ("" if after is None else f"?after={after}")
        return connect(
            f"ws://127.0.0.1:{self.stack.ports['sockets']}{path}",
            additional_headers={"Authorization": f"Bearer {token}"},
            open_timeout=PATIENCE, close_timeout=0.2, ping_timeout=None,
        )  # fmt: skip

    def talk_by_socket(self) -> None:
        token = self._caller(self.others[0]).token
        socket: list[ClientConnection] = []

        def send(key: str) -> bool:
            began = time.monotonic()
            try:
                if not socket:
                    socket.append(self._socket(token))
                socket[0].send(json.dumps({"message": "On my way", "client_id": key}))
                status = self._echo(socket[0], key, began)
            except TimeoutError:
                status = NO_ANSWER
            except (OSError, WebSocketException):
                status = NOTHING
            is_known = status == "201"
            if not is_known and status != "error frame":
                while socket:
                    close(socket.pop())
            self.seen.note("socket message", status, began, is_success=is_known, is_clear=status != NO_ANSWER)
            return is_known

        self._each("socket message", send, again=True)
        for each in socket:
            close(each)

    def _echo(self, socket: ClientConnection, key: str, began: float) -> str:
        while True:
            frame = json.loads(socket.recv(max(0.1, began + PATIENCE - time.monotonic())))
            if frame["type"] == "message" and frame["client_id"] == key:
                return "201"
            if frame["type"] == "error":
                return "error frame"

    def listen(self) -> None:
        """Every message of the socket's room, each once, whatever breaks: after a break it resumes."""
        token = self._caller(self.others[1]).token
        with self.stack.database() as session:
            row = session.execute(LAST, [self.other_room]).fetchone()
        self.first = last = int(row[0]) if row else 0
        self._ready.wait(60)
        silent = 0
        while silent < 2:  # after the end it reads on until nothing comes
            with contextlib.suppress(OSError, WebSocketException), self._socket(token, after=last) as socket:
                with contextlib.suppress(TimeoutError):
                    while True:
                        frame = json.loads(socket.recv(1.5))
                        if frame["type"] == "message":
                            self.heard[frame["seq"]] += 1
                            last = max(last, frame["seq"])
                silent += self.is_over.is_set()
            if not self.is_over.is_set():
                self.is_over.wait(PAUSE)

    # --- Afterwards ---------------------------------------------------------------------------------------------------

    def compare(self) -> dict[str, Verdict]:
        """By kind of write."""
        with self.stack.database() as session:
            found = {
                kind: Counter(row[0] for row in session.execute(query, [f"{self.name}-{kind[0]}%"]))
                for kind, query in PRESENT.items()
            }
            found["decision"] = Counter(row[0] for row in session.execute(DECISIONS))
            spoken = [row[0] for row in session.execute(SPOKEN, [self.other_room, self.first])]
        # A profile holds its last text; those before it were there.
        found["profile"] = reached(found["profile"], self.ledger.acknowledged("profile"))
        found["mail"] = Counter(dict.fromkeys(self.stack.mail.received, 1))  # mail may come twice: RFC 5321, 6.1
        verdicts = {kind: self.ledger.compare(kind, found[kind]) for kind in self.ledger.kinds()}
        heard = Ledger()
        for seq in spoken:
            heard.acknowledge("heard", str(seq))
        verdicts["heard"] = heard.compare("heard", {str(seq): times for seq, times in self.heard.items()})
        return verdicts


LAST = "SELECT coalesce(max(seq), 0) FROM chat_message m JOIN chat_room r ON r.id = m.room_id WHERE r.name = %s"
SPOKEN = "SELECT seq FROM chat_message m JOIN chat_room r ON r.id = m.room_id WHERE r.name = %s AND seq > %s"


def reached(present: Counter[str], acknowledged: list[str]) -> Counter[str]:
    """Every acknowledged text up to the one that is there now."""
    now = max((number_of(key) for key in present), default=0)
    return Counter(key for key in acknowledged if number_of(key) <= now)


def number_of(key: str) -> int:
    return int(re.sub(r"^.*-\D*", "", key))


def close(socket: ClientConnection) -> None:
    with contextlib.suppress(OSError, WebSocketException):
        socket.close()
