"""HTTP: the console and the API."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_django = get_wsgi_application()

from apps.visibility.compiled import compile_all  # noqa: E402  # after Django is set up
from config import tracing  # noqa: E402
from config.bodies import measured  # noqa: E402
from config.leaving import closing_when_draining  # noqa: E402
from config.turns import Turns  # noqa: E402
from config.urls import urlpatterns  # noqa: E402

assert urlpatterns  # all services are loaded with them
compile_all()
tracing.start()
application = measured(closing_when_draining(Turns(_django)))
