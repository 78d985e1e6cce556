"""Writes answers as JSON."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest
from ninja.renderers import JSONRenderer
from ninja.responses import NinjaJSONEncoder

_encoder = NinjaJSONEncoder()
# Times as Django writes them, to the millisecond.
OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class FastRenderer(JSONRenderer):
    """The values that ninja's renderer writes, without its spaces and escapes."""

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes | str:
        try:
            return orjson.dumps(data, default=_encoder.default, option=OPTIONS)
        except TypeError:  # such as a number of more than 64 bits
            return str(super().render(request, data, response_status=response_status))
