#!/usr/bin/env bash
# django-axes 8.3.1, AXES_LOCKOUT_CALLABLE: the function is first called with (request, response, credentials). A
# TypeError from anywhere inside it is taken for a function of the older form, with two arguments: it is called a
# second time without the response, and the error that is seen is that of the second call, which has nothing to do
# with the first. What the function did before it failed is done twice.
#
# Seen:    called with 3 arguments, then with 2; the error of the second call is raised
# Wanted:  the form is told from the function's signature, and an error inside it is raised as it is.
# Exits with 1 if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check django-axes==8.3.1 Django==5.2.8
cat >"$work/run.py" <<'PY'
import sys
import django
from django.conf import settings

calls = []

def locked_out(*arguments):
    calls.append(len(arguments))
    _request, _response, credentials = arguments
    return len(credentials["attempts"]) + "no number"  # a slip of whoever wrote it

settings.configure(
    SECRET_KEY="a key for one run only",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "axes"],
    AUTHENTICATION_BACKENDS=["axes.backends.AxesStandaloneBackend"],
    AXES_LOCKOUT_CALLABLE=locked_out,
    ROOT_URLCONF=__name__,
)
urlpatterns = []
django.setup()
from axes.helpers import get_lockout_response
from django.http import HttpResponse
from django.test import RequestFactory

request = RequestFactory().get("/")
try:
    get_lockout_response(request, HttpResponse(), {"attempts": []})
    raised = "nothing"
except Exception as error:
    raised = f"{type(error).__name__}: {error}"
print(f"called with {' and then '.join(map(str, calls))} arguments; raised: {raised}")
sys.exit(0 if calls == [3, 2] and "unpack" in raised else 1)
PY
timeout 60 "$work/venv/bin/python" "$work/run.py"
