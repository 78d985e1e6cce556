"""Who may do what over HTTP: operation × person × whose object it is. Complete: see `test_api.py`.

Alice owns everything in it. Bob is connected to her and shares her room. Carol is a stranger, verified. Dave is
blocked by Alice. Erin has a pending request from Alice. Newton is not verified. Sam is suspended, which leaves
him his strikes, his appeals and his data. Vera is staff, holding a token that she should not have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

type Access = Literal["public", "user", "verified"]


@dataclass(frozen=True)
class Row:
    """One operation. `path` and `body` may name objects of the scene in braces, such as `{event}`."""

    access: Access
    method: str
    path: str
    body: dict[str, Any] | None = None
    form: dict[str, Any] | None = None
    """Sent as multipart in place of a JSON body; a value `@png` is a small picture."""
    expect: dict[str, int] = field(default_factory=dict)
    """Status by person, over what the access class says; see `expected`."""

    def expected(self) -> dict[str, int]:
        allowed = self.expect["carol"]
        cast = dict.fromkeys(("alice", "bob", "carol", "dave", "erin"), allowed)
        if self.access == "public":
            rest = {"anonymous": allowed, "newton": allowed, "sam": 403, "vera": 401}
        elif self.access == "user":
            rest = {"anonymous": 401, "newton": allowed, "sam": 403, "vera": 401}
        else:
            rest = {"anonymous": 401, "newton": 403, "sam": 403, "vera": 401}
        return cast | rest | self.expect


def public(method: str, path: str, /, body: Any = None, form: Any = None, **expect: int) -> Row:
    return Row("public", method, path, body, form, expect)


def user(method: str, path: str, /, body: Any = None, form: Any = None, **expect: int) -> Row:
    return Row("user", method, path, body, form, expect)


def verified(method: str, path: str, /, body: Any = None, form: Any = None, **expect: int) -> Row:
    return Row("verified", method, path, body, form, expect)


SIGN_UP = {"username": "frida", "email": "frida@example.com", "password": "a-long-pass-phrase-7", "role": "brand"}
CREDENTIAL = {
    "id": "AAAA",
    "rawId": "AAAA",
    "type": "public-key",
    "response": {"clientDataJSON": "e30", "authenticatorData": "AAAA", "signature": "AAAA"},
}
NEW_CREDENTIAL = CREDENTIAL | {"response": {"clientDataJSON": "e30", "attestationObject": "AAAA"}}
EVENT = {"title": "Launch", "date": "2031-01-01T20:00:00Z", "location": "Zoom"}

TABLE: list[Row] = [
    # Signing in concerns no person yet, but a token that comes along must be a good one.
    public("POST", "/users/auth/register", body=SIGN_UP, carol=201),
    public("POST", "/users/auth/login", body={"username": "carol", "password": "infloo-demo"}, carol=200),
    public("POST", "/users/auth/refresh", body={"refresh": "{refresh}"}, carol=200),
    public("POST", "/users/auth/password_reset", body={"email": "carol@example.com"}, carol=200),
    public(
        "POST",
        "/users/auth/password_reset/confirm",
        body={"email": "carol@example.com", "otp": "000000", "password": "a-long-pass-phrase-7"},
        carol=422,
    ),
    user("POST", "/users/auth/logout", body={"refresh": "{own_refresh}"}, carol=204),
    user(
        "POST",
        "/users/auth/password",
        body={"old_password": "infloo-demo", "new_password": "a-long-pass-phrase-7"},
        carol=204,
    ),
    user("GET", "/users/auth/mfa", carol=200),
    user("POST", "/users/auth/mfa", body={"password": "infloo-demo"}, carol=200),
    user("POST", "/users/auth/mfa/confirm", body={"code": "000000"}, carol=409),
    user("DELETE", "/users/auth/mfa", body={"password": "infloo-demo", "otp": "000000"}, carol=409),
    user("GET", "/users/auth/passkeys", carol=200),
    user("POST", "/users/auth/passkeys", body={"password": "infloo-demo"}, carol=200),
    user("POST", "/users/auth/passkeys/confirm", body={"name": "Phone", "credential": NEW_CREDENTIAL}, carol=422),
    user("DELETE", "/users/auth/passkeys/{passkey}", body={"password": "infloo-demo"}, carol=404, alice=204),
    public("POST", "/users/auth/passkeys/login", body={"username": "carol"}, carol=200),
    public("POST", "/users/auth/passkeys/login/confirm", body={"credential": CREDENTIAL}, carol=401),
    user("GET", "/users/auth/sessions", carol=200),
    user("DELETE", "/users/auth/sessions", carol=204),
    user("DELETE", "/users/auth/sessions/{session}", carol=404, alice=204),
    user("GET", "/users/profile", carol=200),
    user("PUT", "/users/profile", body={"username": "{own_username}", "email": "{own_email}", "bio": "new"}, carol=200),
    user("PATCH", "/users/profile", body={"bio": "new"}, carol=200),
    user("POST", "/users/profile/image", form={"image": "@png"}, carol=200),
    user("DELETE", "/users/profile/image", carol=200),
    user("GET", "/users/profile/access_log", carol=200),
    user("GET", "/users/profile/alice", carol=200, dave=404),
    user("GET", "/users", carol=200),
    user("POST", "/users/profile/alice/follow", carol=204, alice=422, dave=404),
    user("DELETE", "/users/profile/alice/follow", carol=204, alice=422, dave=404),
    user("POST", "/users/profile/alice/block", carol=204, alice=422, dave=404),
    user("DELETE", "/users/profile/alice/block", carol=204, alice=422, dave=404),
    user("POST", "/users/verify", form={"file": "@png", "doc_type": "identity"}, carol=201, alice=409),
    user("GET", "/users/verify", carol=200),
    user("GET", "/connections", carol=200),
    user(
        "POST", "/connections/request", body={"receiver": "{alice}"}, carol=201, alice=422, bob=409, erin=409, dave=404
    ),
    user(
        "PATCH",
        "/connections/{pending}/action",
        body={"status": "accepted"},
        carol=404,
        alice=403,
        bob=404,
        dave=404,
        erin=200,
        newton=404,
    ),
    user("DELETE", "/connections/{pending}", carol=404, alice=204, erin=204),
    public("GET", "/events", carol=200),
    public("GET", "/events/{event}", carol=200, dave=404),
    verified("POST", "/events", body=EVENT, carol=201),
    verified("PUT", "/events/{event}", body=EVENT, carol=403, alice=200, dave=404),
    verified("PATCH", "/events/{event}", body={"title": "New"}, carol=403, alice=200, dave=404),
    verified("DELETE", "/events/{event}", carol=403, alice=204, dave=404),
    verified("POST", "/events/{event}/cancel", carol=403, alice=200, dave=404),
    verified("POST", "/events/{event}/join", body={"status": "going"}, carol=200, alice=409, dave=404),
    verified("DELETE", "/events/{event}/join", carol=204, dave=404),
    verified("POST", "/events/{event}/invite", body={"user": "{erin}"}, carol=403, alice=201, dave=404),
    user("GET", "/events/{event}/attendees", carol=200, dave=404),
    user("GET", "/stories", carol=200),
    user("GET", "/stories/my_stories", carol=200),
    verified("POST", "/stories", form={"content_file": "@png"}, carol=201),
    user("GET", "/stories/{story}", carol=200, dave=404),
    user("PUT", "/stories/{story}", body={"caption": "new"}, carol=403, alice=200, dave=404),
    user("PATCH", "/stories/{story}", body={"caption": "new"}, carol=403, alice=200, dave=404),
    user("DELETE", "/stories/{story}", carol=403, alice=204, dave=404),
    user("POST", "/stories/{story}/view", carol=204, dave=404),
    user("GET", "/stories/{story}/viewers", carol=403, alice=200, dave=404),
    verified("GET", "/chat/rooms", carol=200),
    verified("POST", "/chat/rooms", body={"participant": "{alice}"}, carol=403, alice=422, bob=200, dave=404),
    verified("GET", "/chat", carol=200),
    verified("POST", "/chat", body={"room": "{room}", "message": "Hello"}, carol=404, alice=201, bob=201),
    user("POST", "/chat/ticket", carol=201),
    user("GET", "/notifications", carol=200),
    user("PATCH", "/notifications/{notification}/read", carol=404, alice=200),
    user("POST", "/notifications/read", carol=204),
    user("GET", "/notifications/unread_count", carol=200),
    user("POST", "/reports", body={"kind": "story", "id": "{story}", "reason": "spam"}, carol=201, alice=422, dave=404),
    user("GET", "/reports", carol=200),
    user("DELETE", "/users/profile", body={"password": "infloo-demo"}, carol=202, sam=202),
    user("GET", "/users/erasure", carol=404, sam=404),
    user("DELETE", "/users/erasure", carol=404, sam=404),
    user("POST", "/users/data_export", body={"password": "infloo-demo"}, carol=202, sam=202),
    user("GET", "/users/data_export", carol=404, sam=404),
    user("GET", "/users/data_export/file", carol=404, sam=404),
    user("GET", "/strikes", carol=200, sam=200),
    user("GET", "/appeals", carol=200, sam=200),
    user("POST", "/appeals", body={"decision": "{decision}", "text": "It is a joke."}, carol=404, alice=201, sam=404),
]

# The same operations about objects that only some may know of.
MORE: list[Row] = [
    user("GET", "/stories/{connections_story}", carol=404, alice=200, bob=200),
    user("GET", "/stories/{expired_story}", carol=404, alice=200),
    user("GET", "/stories/{removed_story}", carol=404, alice=200),
    user("POST", "/stories/{connections_story}/view", carol=404, alice=204, bob=204),
    public("GET", "/events/{removed_event}", carol=404),
    verified("POST", "/events/{removed_event}/join", body={"status": "going"}, carol=404),
    verified("GET", "/chat?room={room}", carol=404, alice=200, bob=200),
    user("PATCH", "/connections/{accepted}/action", body={"status": "rejected"}, carol=404, alice=403, bob=409),
    user("DELETE", "/connections/{accepted}", carol=404, alice=204, bob=204),
    user(
        "POST",
        "/reports",
        body={"kind": "story", "id": "{connections_story}", "reason": "spam"},
        carol=404,
        alice=422,
        bob=201,
    ),
    user(
        "POST",
        "/reports",
        body={"kind": "message", "id": "{message}", "reason": "spam"},
        carol=404,
        alice=422,
        bob=201,
        newton=404,
    ),
    user("POST", "/reports", body={"kind": "user", "id": "{alice}", "reason": "spam"}, carol=201, alice=422, dave=404),
]
