"""Lists, page by page, the same way everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from pydantic import BaseModel, Field

from api.schemas.output import Output
from apps.errors import Absent
from apps.visibility.compiled import Listing, Rows


class PageSize(IntEnum):
    TEN = 10
    TWENTY_FIVE = 25
    FIFTY = 50
    HUNDRED = 100


class Paging(BaseModel):
    """What every list takes: `paging: Query[Paging]`."""

    page: Annotated[int, Field(ge=1)] = 1
    page_size: PageSize = PageSize.TEN


class Page[T](Output):
    """What every list answers."""

    count: int
    next: str | None
    previous: str | None
    results: list[T]


def paginate(
    request: HttpRequest, rows: Listing[Any] | Sequence[Any], paging: Paging, *, count: int | None = None
) -> dict[str, Any]:
    """The asked page of `rows`, in their order. `count` where it is known at less cost than by counting.

    Raises `Absent` past the end; the first page of nothing is empty.
    """
    start = (paging.page - 1) * paging.page_size
    end = start + paging.page_size
    if count is None and isinstance(rows, Rows):
        count, results = rows.counted_page(start, paging.page_size)
    else:
        if count is None:
            count = len(rows) if isinstance(rows, Sequence) else rows.count()
        results = _slice(rows, start, end) if start < count else []
    if paging.page > 1 and start >= count:
        raise Absent("no-such-page", _("There are not that many pages."))
    return {
        "count": count,
        "next": _address(request, paging.page + 1) if end < count else None,
        "previous": _address(request, paging.page - 1) if paging.page > 1 else None,
        "results": results,
    }


def _slice(rows: Listing[Any] | Sequence[Any], start: int, end: int) -> list[Any]:
    if start and isinstance(rows, QuerySet):
        # The page is picked by keys alone: joins and annotations would be worked out for all that is skipped, too.
        return list(rows.filter(pk__in=rows.values("pk")[start:end]))
    return list(rows[start:end])


def _address(request: HttpRequest, page: int) -> str:
    query = request.GET.copy()
    query["page"] = str(page)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
