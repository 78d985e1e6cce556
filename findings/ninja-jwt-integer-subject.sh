#!/usr/bin/env bash
# django-ninja-jwt 5.4.5 with PyJWT 2.15.1, USER_ID_CLAIM = "sub" (the claim that RFC 7519 has for it) and a user
# whose key is a number, as Django's are: Token.for_user() signs a token that the same class then refuses to read,
# since for_user() turns keys into text only where they are not integers, and PyJWT takes only text for a subject.
#
# Seen:    signed with the subject 7 of type int; reading it: TokenError, Token is invalid or expired
# Wanted:  for_user() writes the subject as text whatever the key is, and the token is read back.
# Exits with 1 if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    django-ninja-jwt==5.4.5 django-ninja-extra==0.31.7 django-ninja==1.7.1 Django==5.2.8 PyJWT==2.15.1
cat >"$work/run.py" <<'PY'
import sys
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="a key for one run only, long enough for HS256",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    NINJA_JWT={"USER_ID_CLAIM": "sub"},
    USE_TZ=True,
)
django.setup()
import jwt
from django.contrib.auth.models import User
from ninja_jwt.exceptions import TokenError
from ninja_jwt.tokens import AccessToken

encoded = str(AccessToken.for_user(User(pk=7)))
subject = jwt.decode(encoded, options={"verify_signature": False})["sub"]
try:
    AccessToken(encoded)
    read = "read back"
except TokenError as error:
    read = f"TokenError, {error}"
print(f"signed with the subject {subject!r} of type {type(subject).__name__}; reading it: {read}")
sys.exit(0 if subject == 7 and read.startswith("TokenError") else 1)
PY
timeout 60 "$work/venv/bin/python" "$work/run.py"
