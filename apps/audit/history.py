"""Every version of every business row: who made it, why, when. Written in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pgtrigger
from django.db import models, transaction
from django.db.models import Q
from django.dispatch import receiver
from django.utils import timezone
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record
from simple_history.utils import bulk_create_with_history

from apps.audit import members
from apps.audit.context import origin
from apps.audit.encryption import EncryptedJSON, EncryptedText, keys_held
from apps.audit.insert import Stamp, insert, is_insertable
from apps.audit.models import append_only
from apps.audit.versions import Version, VersionManager, persons_of

if TYPE_CHECKING:
    from apps.users.models import User


def _indexes(name: str) -> list[models.Index]:
    """The indexes that the audit log needs on each history, beside those of time and row: see `log.py`."""
    return [
        models.Index(fields=["history_user", "history_date"], name=f"{name}_versions_actor"),
        # Most versions are those that rows begin with; the time alone finds them.
        models.Index(
            fields=["history_type", "history_date"], name=f"{name}_versions_change", condition=~Q(history_type="+")
        ),
        models.Index(fields=["request_id"], name=f"{name}_versions_request", condition=~Q(request_id="")),
    ]


class History(HistoricalRecords):
    """History of a model, kept honest by triggers. Name in `excluded_fields` what must not be remembered.

    A change is a version where it differs from the version before; saving the same again is none. `index_name`: what
    the names of the indexes begin with, where the model's name is too long for that.

    `person`: the attribute that has the id of the person whom a row concerns. What staff note about it, and the fields
    named in `personal`, are encrypted under the key of that person; those in `personal_of` of the person of whom the
    attribute there has the id.
    """

    def __init__(
        self,
        *args: Any,
        index_name: str = "",
        person: str = "",
        personal: Sequence[str] = (),
        personal_of: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.index_name = index_name
        self.personal = dict.fromkeys(personal, person) | dict(personal_of or {})
        note = (
            EncryptedText(person=person, null=True, blank=True) if person else models.TextField(null=True, blank=True)
        )
        kwargs.setdefault("bases", [Version])
        kwargs.setdefault("history_change_reason_field", note)
        kwargs.setdefault("history_manager", VersionManager)
        kwargs.setdefault("user_db_constraint", False)
        kwargs.setdefault("history_id_field", models.BigAutoField())
        super().__init__(*args, **kwargs)

    def copy_fields(self, model: type[models.Model]) -> dict[str, models.Field[Any, Any]]:
        fields: dict[str, Any] = super().copy_fields(model)
        # Also called for the tables between two models, which have no personal columns.
        for name, person in self.personal.items() if model is self.cls else ():
            of, is_json = fields[name], isinstance(fields[name], models.JSONField)
            options: Any = {"default": of.default} if is_json else {}
            encrypted = EncryptedJSON if is_json else EncryptedText
            fields[name] = encrypted(of.verbose_name, person=person, null=of.null, blank=True, **options)
        return fields

    def create_history_model(self, model: type[models.Model], inherited: bool) -> type[models.Model]:
        history_model = super().create_history_model(model, inherited)
        maker: Any = history_model._meta.get_field("history_user")
        # Deleting a person must not rewrite who made the versions.
        maker.remote_field.on_delete = models.DO_NOTHING
        maker.db_index = False  # `_indexes` has a longer one of the same beginning
        pgtrigger.register(*append_only())(history_model)
        return history_model

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        return super().get_meta_options(model) | {"indexes": _indexes(self.index_name or model._meta.model_name or "")}

    def get_meta_options_m2m(self, through_model: type[models.Model]) -> dict[str, Any]:
        options: dict[str, Any] = super().get_meta_options_m2m(through_model)
        if not through_model._meta.auto_created:
            # Where Django would have kept it had the model been made by Django.
            app_label = through_model._meta.app_label
            rest = through_model._meta.db_table.removeprefix(f"{app_label}_")
            options["db_table"] = f"{app_label}_historical{rest}"
        return options

    def create_history_m2m_model(
        self, model: type[models.Model], through_model: type[models.Model]
    ) -> type[models.Model]:
        m2m_model = super().create_history_m2m_model(model, through_model)
        pgtrigger.register(*append_only())(m2m_model)
        return m2m_model

    def finalize(self, sender: type[models.Model], **kwargs: Any) -> None:
        super().finalize(sender, **kwargs)
        if self.cls is sender:
            # Django makes thousands of further models while it migrates, and would ask each history about each.
            models.signals.class_prepared.disconnect(self.finalize)
            for field in self.get_m2m_fields_from_model(sender):
                self._follow_deletions(sender, field)

    def _follow_deletions(self, owner: type[models.Model], field: Any) -> None:
        """Deleting a group is a change of its members, by the same person and for the same reason."""
        target, key = field.remote_field.model, f"_had_{owner._meta.label_lower}_{field.name}"

        def before(instance: models.Model, **_: Any) -> None:
            setattr(instance, key, list(owner._base_manager.filter(**{field.name: instance})))

        def after(instance: models.Model, **_: Any) -> None:
            for loser in instance.__dict__.pop(key):
                signed = {name: getattr(instance, name, None) for name in ("_history_user", "_change_reason")}
                _sign(loser, signed["_history_user"], getattr(instance, "_change_action", ""), signed["_change_reason"])
                self.create_historical_record(loser, "~")

        models.signals.pre_delete.connect(before, sender=target, weak=False)
        models.signals.post_delete.connect(after, sender=target, weak=False)

    def post_save(self, instance: models.Model, created: bool, using: str | None = None, **kwargs: Any) -> None:
        names = kwargs.get("update_fields")
        tracked = self.fields_included(instance)
        if names is None or any(field.name in names or field.attname in names for field in tracked):
            super().post_save(instance, created, using=using, **kwargs)

    def create_historical_record(self, instance: models.Model, history_type: str, using: str | None = None) -> None:
        if history_type != "~" or getattr(instance, "_change_is_secret", False) or changed([instance]):
            with keys_held(persons_of(history_of(type(instance)).model, instance)):
                super().create_historical_record(instance, history_type, using=using)

    def create_historical_record_m2ms(self, history_instance: Any, instance: models.Model) -> None:
        """Asks for the rows alone; the library also builds the object anew and fetches all that its rows refer to."""
        if history_instance.history_type == "+":
            return  # A row that was just made has no members yet: none need be asked for.
        for field in history_instance._history_m2m_fields:
            members.copy(field, self.m2m_models[field]).rows({"owner": instance.pk, "version": history_instance.pk})


def history_of(model: type[models.Model]) -> Any:
    """The manager of the versions of `model`. Raises `AttributeError` for a model without history."""
    tracked: Any = model
    return tracked.history


@contextmanager
def without_version(obj: models.Model) -> Iterator[None]:
    """What is saved of `obj` inside the block makes no version."""
    tracked: Any = obj
    tracked.skip_history_when_saving = True
    try:
        yield
    finally:
        del tracked.skip_history_when_saving


def changed[M: models.Model](objs: Sequence[M]) -> list[M]:
    """Those of `objs`, rows of one model, that differ from their latest version."""
    key = objs[0]._meta.pk.attname
    rows = history_of(type(objs[0])).model._default_manager.filter(**{f"{key}__in": [obj.pk for obj in objs]})
    # Not prepared: a transaction could not go on after a migration that changes the type of one of these columns.
    latest = {getattr(row, key): row for row in rows.order_by(key, "-history_id").distinct(key)}
    return [obj for obj in objs if obj.pk not in latest or _differs(obj, latest[obj.pk])]


def _differs(obj: models.Model, version: Any) -> bool:
    for field in version.tracked_fields:
        if field.to_python(getattr(obj, field.attname)) != field.to_python(getattr(version, field.attname)):
            return True
    return any(_rows_differ(obj, version, field) for field in version._history_m2m_fields)


def _rows_differ(obj: models.Model, version: Any, field: Any) -> bool:
    """Whether a many-to-many field had other rows; a row created again with the same values counts as the same."""
    statement = members.difference(field, getattr(type(version), field.name).model)
    return bool(statement.rows({"owner": obj.pk, "version": version.pk})[0][0])


@receiver(pre_create_historical_record, dispatch_uid="history_request_id")
def _note_action(history_instance: Any, instance: models.Model, **_: Any) -> None:
    history_instance.request_id = origin().request_id
    history_instance.action = getattr(instance, "_change_action", "")


def save_as[M: models.Model](actor: User | None, obj: M, *, action: str, note: str = "", secret: bool = False) -> M:
    """Save `obj` with its history: `action` by `actor` (None: the platform itself); `note` is what a user wrote.

    `secret`: what changes is left out of the history; that it changed is not.
    """
    _sign(obj, actor, action, note)
    marked: Any = obj
    if is_insertable(obj):
        # In place of Django's own last step, so that what the model does when it is saved is done.
        marked.save_base = lambda **_: insert(obj, _stamp(marked))
        try:
            obj.save()
        finally:
            del marked.save_base
        return obj
    marked._change_is_secret = secret
    with transaction.atomic(savepoint=False):
        obj.save()
    marked._change_is_secret = False
    return obj


def _stamp(signed: Any) -> Stamp:
    return Stamp(
        history_date=getattr(signed, "_history_date", None) or timezone.now(),
        history_user_id=None if signed._history_user is None else signed._history_user.pk,
        history_change_reason=signed._change_reason,
        request_id=origin().request_id,
        action=signed._change_action,
    )


def delete_as(actor: User | None, obj: models.Model, *, action: str, note: str = "") -> None:
    """Delete `obj`; its history keeps who did it and why."""
    _sign(obj, actor, action, note)
    obj.delete()


type Actors[M] = User | Callable[[M], User | None] | None
"""The actor of several versions: one user, or a function that returns the actor of each row."""


def bulk_create_as[M: models.Model](actor: Actors[M], objs: Sequence[M], *, action: str, note: str = "") -> list[M]:
    """Create rows of one model with their history, as `save_as` does one."""
    if not objs:
        return []
    _sign_all(objs, actor, action, note)
    return bulk_create_with_history(objs, type(objs[0]), custom_historical_attrs=_with(action))


def bulk_update_as[M: models.Model](
    actor: Actors[M], objs: Sequence[M], fields: Iterable[str], *, action: str, note: str = ""
) -> None:
    """Save `fields` of rows of one model with their history, as `save_as` does one."""
    if not objs:
        return
    _sign_all(objs, actor, action, note)
    with transaction.atomic():
        type(objs[0])._base_manager.bulk_update(objs, list(fields))
        history_of(type(objs[0])).bulk_history_create(changed(objs), update=True, custom_historical_attrs=_with(action))


def _with(action: str) -> dict[str, str]:
    return {"request_id": origin().request_id, "action": action}


def _sign_all[M: models.Model](objs: Sequence[M], actor: Actors[M], action: str, note: str) -> None:
    for obj in objs:
        _sign(obj, actor(obj) if callable(actor) else actor, action, note)


def _sign(obj: models.Model, actor: User | None, action: str, note: str | None) -> None:
    marked: Any = obj
    marked._history_user = actor
    marked._change_action = action
    marked._change_reason = note or None
