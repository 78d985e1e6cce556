"""The directory of people."""

from __future__ import annotations

from typing import Any

from ninja import Query, Router

from api.auth import Request
from api.pagination import Page, Paging, paginate
from api.schemas.common import PersonOut
from api.schemas.users import DirectoryFilter
from apps.users.accounts import directory

router = Router()


@router.get("", response={200: Page[PersonOut]}, operation_id="list_people")
def list_people(request: Request, filters: Query[DirectoryFilter], paging: Query[Paging]) -> dict[str, Any]:
    """Found by user name alone, best match first."""
    return paginate(request, directory.find_users(request.user, **filters.model_dump()), paging)
