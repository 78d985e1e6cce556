"""Time stamps of checkpoints by an authority (RFC 3161): proof that a checkpoint was there at a time."""

from __future__ import annotations

import logging
from pathlib import Path

from cryptography import x509
from django.conf import settings
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from apps.transparency.sending import post

logger = logging.getLogger(__name__)


def timestamp_of(data: bytes) -> bytes | None:
    """The answer of the authority about `data`; None where none is set or it does not answer as it should."""
    if not settings.LOG_TSA_URL:
        return None
    request = TimestampRequestBuilder(data=data, hash_algorithm=HashAlgorithm.SHA256).build()
    try:
        answer = post(settings.LOG_TSA_URL, request.as_bytes(), "application/timestamp-query")
        response = decode_timestamp_response(answer)
        builder = VerifierBuilder.from_request(request)
        for root in x509.load_pem_x509_certificates(Path(settings.LOG_TSA_CERTIFICATES).read_bytes()):
            builder = builder.add_root_certificate(root)
        builder.build().verify_message(response, data)
    except (OSError, ValueError, VerificationError) as error:
        logger.warning("The checkpoint of the log has no time stamp: %s", error)
        return None
    return answer
