"""Kinds of content that can be reported: one class each, in the `reportable.py` of the app that owns the content.

Such a module names its class as `CONTENT`. Where it has a `met_users(viewer)`, that says which users `viewer` has met
in that app: those can be reported even after they have blocked the viewer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.db.models import Model, Q
from django.utils.translation import gettext as _

from apps.errors import Invalid

if TYPE_CHECKING:
    from apps.users.models import User


class ReportableContent(ABC):
    """One kind of content: its reporters, the fields of its snapshots, and what staff can do with it."""

    model: ClassVar[type[Model]]
    policy: ClassVar[Callable[..., Any]]
    """Who sees it, as a policy of `permissions.py`."""
    author_field: ClassVar[str]
    """The foreign key to its author; `id` where the content is the author's account itself."""
    text_fields: ClassVar[tuple[str, ...]] = ()
    """The fields of its snapshot, as users see them; with dots where another row has the text."""
    proof_fields: ClassVar[frozenset[str]] = frozenset()
    """Those that prove what it was and are of no use to a reader."""
    remove_permission: ClassVar[str | None] = None
    """The permission to remove it; None where it is not removed."""
    edit_permission: ClassVar[str | None] = None
    """The permission to edit its text; None where that is not edited."""
    editable_fields: ClassVar[tuple[str, ...]] = ()
    is_account: ClassVar[bool] = False
    """Whether it is the account of its author."""
    is_masked: ClassVar[bool] = False
    """Whether staff read its text only after they have given a reason."""

    @property
    def kind(self) -> str:
        """The name of the kind, as stored and in the API."""
        return str(self.model._meta.model_name)

    def author_id(self, target: Any) -> int:
        """The id of its author."""
        return target.pk if self.is_account else getattr(target, f"{self.author_field}_id")

    @abstractmethod
    def visible_before_block(self, viewer: User) -> Q:
        """The rows that `viewer` could see before their author blocked them: a block does not prevent a report."""

    def snapshot(self, target: Any) -> dict[str, str]:
        """The present text by the names of the fields, without empty ones."""
        text = {path.rpartition(".")[2]: str(attrgetter(path)(target)) for path in self.text_fields}
        return {name: value for name, value in text.items() if value}

    def notice_context(self, target: Any) -> dict[str, str]:
        """How notices to its author name it: "your …". `target` is None where it has been deleted."""
        return {"thing": self.kind}

    # --- What staff do with it --------------------------------------------------------------------------------------

    def edit(self, actor: User, target_id: int, changes: Mapping[str, Any], *, note: str) -> Any:
        """Edit the text as part of another decision. Returns the edited content. Raises `Invalid` without such text."""
        raise Invalid("outcome-impossible", _("This content has no text that staff can edit."), field="outcome")

    # --- Legal hold: what would otherwise be deleted with time is kept as evidence ----------------------------------

    def hold(self, actor: User, target_id: int) -> None:  # noqa: B027
        """Put it on legal hold. Raises `Absent` where it has been deleted."""

    def release(self, actor: User | None, target_id: int, *, still_needed: Callable[[], bool]) -> None:  # noqa: B027
        """End its legal hold, unless it is `still_needed`, which is asked while its row is locked."""

    def on_hold(self) -> Iterable[int]:
        """The ids of all rows on legal hold."""
        return ()


@cache
def reportable_modules() -> list[ModuleType]:
    """The `reportable.py` of each app that has one."""
    names = [f"{config.name}.reportable" for config in apps.get_app_configs() if config.name.startswith("apps.")]
    return [import_module(name) for name in names if name != __name__ and find_spec(name)]


@cache
def reportable_contents() -> dict[str, ReportableContent]:
    """All kinds of content that can be reported, by their names."""
    contents = [module.CONTENT for module in reportable_modules() if hasattr(module, "CONTENT")]
    return {content.kind: content for content in contents}
