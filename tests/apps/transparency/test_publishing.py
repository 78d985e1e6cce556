"""Checkpoints at a webhook and in a bucket, and with a time stamp of an authority."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from moto.server import ThreadedMotoServer

from apps.audit.actions import Action
from apps.audit.services import record
from apps.transparency.jobs import checkpoint
from apps.transparency.keys import SigningKey
from apps.transparency.models import Checkpoint, Publication
from apps.transparency.verifying import verify

pytestmark = pytest.mark.django_db

OURS = SigningKey.new("infloo.example/log")
TSA = """
[tsa]
default_tsa = here
[here]
serial = {home}/serial
signer_cert = {home}/tsa.pem
signer_key = {home}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@pytest.fixture(autouse=True)
def _log(settings: LazySettings) -> Iterator[None]:
    settings.LOG_SIGNING_KEY = str(OURS)
    settings.STORAGES = {name: each for name, each in settings.STORAGES.items() if not name.startswith("log_")}
    yield
    storages._storages.clear()


@contextmanager
def answering(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_webhook_is_sent_each_checkpoint_and_its_failure_kept(settings: LazySettings) -> None:
    got: list[bytes] = []
    status = 200

    def answer(body: bytes) -> tuple[int, bytes]:
        got.append(body)
        return status, b""

    with answering(answer) as settings.LOG_WEBHOOK:
        made = checkpoint()
        assert made is not None
        assert got == [made.note.encode()]
        status = 500
        checkpoint()
    place = Publication.objects.get(place="webhook")
    assert place.size == made.size
    assert "500" in place.error


def test_a_bucket_holds_the_log_and_is_compared_with(settings: LazySettings) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {
            "access_key": "key",
            "secret_key": "secret",
            "bucket_name": "log",
            "endpoint_url": f"http://{host}:{port}",
            "region_name": "us-east-1",
        }
        bucket = {"BACKEND": "apps.infra.files.bucket.Bucket", "OPTIONS": options}
        settings.STORAGES = settings.STORAGES | {"log_bucket": bucket}
        store: Any = storages["log_bucket"]
        store.connection.create_bucket(Bucket="log")
        record(None, Action.VIEWED)
        made = checkpoint()
        assert made is not None
        assert Publication.objects.get(place="bucket").size == made.size
        with storages["log_bucket"].open("checkpoint") as file:
            assert file.read() == made.note.encode()
        assert not verify().finding
        storages["log_bucket"].delete("checkpoint")
        record(None, Action.VIEWED)
        assert checkpoint() is not None
        assert not Publication.objects.get(place="bucket").error
    finally:
        server.stop()


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """An authority of this machine: its root certificate is `root.pem`."""
    (tmp_path / "tsa.cnf").write_text(TSA.format(home=tmp_path))
    (tmp_path / "serial").write_text("01\n")
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "tsa.cnf", "-days", "2"]
    (tmp_path / "tsa.cnf").write_text((tmp_path / "tsa.cnf").read_text() + "[req]\ndistinguished_name = name\n[name]\n")
    for command in (
        ["req", "-x509", *made, "-subj", "/CN=Root", "-extensions", "root", "-keyout", "root.key", "-out", "root.pem"],
        ["req", "-x509", *made, "-subj", "/CN=TSA", "-extensions", "signer", "-keyout", "tsa.key", "-out", "tsa.pem",
         "-CA", "root.pem", "-CAkey", "root.key"],
    ):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_a_checkpoint_bears_the_time_stamp_of_the_authority(settings: LazySettings, authority: Path) -> None:
    def stamp(request: bytes) -> tuple[int, bytes]:
        (authority / "request").write_bytes(request)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request", "-out", "answer"]
        subprocess.run(command, cwd=authority, check=True, capture_output=True)
        return 200, (authority / "answer").read_bytes()

    settings.LOG_TSA_CERTIFICATES = str(authority / "root.pem")
    with answering(stamp) as settings.LOG_TSA_URL:
        made = checkpoint()
    assert made is not None
    assert made.timestamp is not None
    (authority / "note").write_text(made.note)
    (authority / "token").write_bytes(made.timestamp)
    command = ["openssl", "ts", "-verify", "-data", "note", "-in", "token", "-CAfile", "root.pem"]
    done = subprocess.run(command, cwd=authority, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout + done.stderr
    # A wrong answer, or none, holds no checkpoint up.
    for answer in (lambda _: (200, b"nonsense"), lambda _: (500, b""), lambda _: (200, made.timestamp)):
        record(None, Action.VIEWED)
        with answering(answer) as settings.LOG_TSA_URL:
            later = checkpoint()
        assert later is not None
        assert later.timestamp is None
    assert Checkpoint.objects.count() == 4
