"""The steps of signing in to the console, from the password to the code."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django_otp.middleware import OTPMiddleware

from apps.users.models import User
from tests import people
from tests.authenticator import code_of, enrol

LOGIN = "/admin/login/"
CODE = "/admin/login/code/"
ENROL = "/admin/login/enrol/"
OWN = "/admin/mfa/"


def password(client: Client, user: User, **extra: Any) -> Any:
    return client.post(LOGIN, {"username": user.username, "password": people.PASSWORD}, **extra)


def half_way(user: User) -> Client:
    """A browser in which only the password was given."""
    client = Client()
    assert password(client, user).status_code == 302
    return client


def verified(user: User) -> Client:
    """A browser in which a code was given, too."""
    app, _codes = enrol(user)
    client = half_way(user)
    client.post(CODE, {"code": code_of(app)})
    return client


def signed_in(client: Client) -> bool:
    return bool(client.get("/admin/").status_code == 200)


def sign_in(user: User, client: Client | None = None, agent: str = "Firefox") -> Client:
    client = client or Client()
    assert password(client, user, headers={"User-Agent": agent}).status_code == 302
    assert client.get("/admin/", headers={"User-Agent": agent}).status_code == 200
    return client


def request_of(client: Client, method: str, data: dict[str, Any] | None = None) -> Any:
    request = getattr(RequestFactory(), method)("/admin/grant/?to=1", data or {})
    request.session = client.session
    request.user = get_user(request)
    OTPMiddleware(lambda _request: HttpResponse())(request)
    return request
