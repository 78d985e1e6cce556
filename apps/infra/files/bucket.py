"""Files in a bucket, at Amazon or at any store that speaks as much of S3 as is needed here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage

from apps.infra.files.storage import CHUNK, Asked, asking

# Bytes of a file from a bucket that are kept in memory, not on disk.
IN_MEMORY = 1024 * 1024
# Newer clients send and ask for checksums that many stores other than Amazon's refuse; TLS protects what is sent.
CLIENT = Config(
    signature_version="s3v4",  # the older one is refused by newer regions
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    # Seconds. A file that is sent waits one more, for leave to send it, and the second attempt up to one: a user has an
    # answer within ten, be it an error.
    connect_timeout=2,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 2},
)


class _Bucket(S3Storage):
    def get_default_settings(self) -> dict[str, Any]:
        # No name is given twice, and to ask whether one is taken needs a right of its own.
        return super().get_default_settings() | {"client_config": CLIENT, "file_overwrite": True}

    def _open(self, name: str, mode: str = "rb") -> Any:
        if "w" in mode:
            return super()._open(name, mode)
        content = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # its caller closes it
        with self._get(name)["Body"] as body:
            shutil.copyfileobj(body, content)
        content.seek(0)
        return File(content, name)

    def size(self, name: str) -> int:
        try:
            answer = self._get(name, Range="bytes=0-0")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 416:  # nothing has no first byte
                return 0
            raise
        answer["Body"].close()
        # "bytes 0-0/1234", unless the store gives the whole.
        return int(answer.get("ContentRange", "").rpartition("/")[2] or answer["ContentLength"])

    def _get(self, name: str, **options: Any) -> Any:
        try:
            return self.bucket.Object(self._normalize_name(name)).get(**options)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise FileNotFoundError(name) from error
            raise


class Bucket(Asked, _Bucket):
    """A bucket that is asked by GET, PUT, POST and DELETE alone: many keys may not HEAD, nor list what there is."""

    failures = (OSError, Boto3Error, BotoCoreError, ClientError)

    def part(self, name: str, start: int, length: int) -> Iterator[bytes]:
        """`length` bytes of a file from byte `start` on, in chunks; no others are fetched."""
        if not length:
            return iter(())
        with asking(self.failures):
            body = self._get(name, Range=f"bytes={start}-{start + length - 1}")["Body"]
        chunks: Iterator[bytes] = body.iter_chunks(CHUNK)
        return chunks
