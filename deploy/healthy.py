"""Exit code 0 while the process on this container's port can serve: `python deploy/healthy.py 8000`."""

import os
import sys
from http.client import HTTPConnection

connection = HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
# Django answers only to hosts that it knows.
host = os.environ["ALLOWED_HOSTS"].split(",")[0].strip().lstrip(".*")
try:
    connection.request("GET", "/readyz", headers={"Host": host or "localhost"})
    sys.exit(connection.getresponse().status != 200)
except OSError as error:
    sys.exit(str(error))
