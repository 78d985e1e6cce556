from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import uuid4

import pgtrigger
import simple_history
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AbstractUser, Group
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import IntegrityError, models, transaction
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Greatest, Least, Lower, Reverse, Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.access import TimeBoxed
from apps.audit.history import History
from apps.desk.models import Workable
from apps.errors import Conflict, DomainError
from apps.users import devices  # noqa: F401  # models, too
from apps.users.names import (
    KEY_SIZE,
    KEYS,
    LOOK,
    LOOKS_TAKEN,
    MAIL,
    MAIL_TAKEN,
    NAME,
    NAME_TAKEN,
    AddressField,
    KeyField,
    NameField,
    fold,
    seen,
    tidy,
    triggers,
    validate_script,
    validate_username,
    what_is_taken,
)
from apps.users.passwords import composed, nobodys_password, spellings
from apps.users.texts import REASONS

PAGE_SIZES = (10, 25, 50, 100)
"""How many rows a page of the console shows: the choice, the first being the default."""


class Role(models.TextChoices):
    INFLUENCER = "influencer", _("Influencer")
    ENTREPRENEUR = "entrepreneur", _("Entrepreneur")
    BRAND = "brand", _("Brand")
    STAFF = "staff", _("Staff")


CLIENT_ROLES = (Role.INFLUENCER, Role.ENTREPRENEUR, Role.BRAND)
"""The roles that people choose when they sign up."""

validate_phone = RegexValidator(
    re.compile(r"\A\+?[0-9][0-9 ().-]{3,30}\Z"), _("Enter a phone number, such as +1234567890.")
)


def phone_digits() -> Func:
    """The digits of the phone number alone: people write the same number in many ways."""
    return Func(
        F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace", output_field=models.TextField()
    )


def phone_digits_reversed() -> Func:
    """The same from the last digit to the first, so that an index finds a number by its end."""
    return Reverse(phone_digits(), output_field=models.TextField())


class UserQuerySet(models.QuerySet["User"]):
    def clients(self) -> UserQuerySet:
        """End users, who come through the API."""
        return self.filter(is_staff=False)

    def staff(self) -> UserQuerySet:
        return self.filter(is_staff=True)

    def active(self) -> UserQuerySet:
        return self.filter(is_active=True)

    def named(self, username: str) -> UserQuerySet:
        """Whoever has this user name, however it is written. The first is meant, where there are two."""
        return self._known_by("username", username)

    def mailed(self, email: str) -> UserQuerySet:
        """Whoever has this mail address, likewise."""
        return self._known_by("email", email)

    def _known_by(self, field: str, text: str) -> UserQuerySet:
        # An account without a key, since an older one has it, is meant by its own spelling, composed or not.
        spellings = sorted({tidy(seen(text)), seen(text).strip()})
        keyless = Q(**{f"{field}_key": None, f"lower_{field}__in": [Lower(Value(each)) for each in spellings]})
        found = self.alias(**{f"lower_{field}": Lower(field)}).filter(Q(**{f"{field}_key": fold(text)}) | keyless)
        return found.order_by(F(f"{field}_key").asc(nulls_first=True))

    def with_name_part(self, part: str, *, at_start: bool = False) -> UserQuerySet:
        """Those whose user name holds `part`, or begins with it, however it is written."""
        how = "startswith" if at_start else "contains"
        keyless = Q(**{"username_key": None, f"username__i{how}": seen(part)})
        return self.filter(Q(**{f"username_key__{how}": fold(part)}) | keyless)

    def with_address_part(self, part: str) -> UserQuerySet:
        """Those whose mail address holds `part`, likewise. Not for all end users: no index knows the parts."""
        keyless = Q(email_key=None, email__icontains=seen(part))
        return self.filter(Q(email_key__contains=fold(part)) | keyless)

    def with_profile(self) -> UserQuerySet:
        return self.select_related("profile")

    def update(self, **values: Any) -> int:
        """As Django's. A new user name or mail address, which must be one for all rows, comes with its keys."""
        for key in KEYS:
            if key.of in values:
                if not isinstance(values[key.of], str):
                    raise TypeError("A user name or mail address is set by its text, so that its keys can be computed.")
                values[key.column] = key.make(tidy(values[key.of]))
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]


class UserManager(DjangoUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Looks people up however their name is written."""

    def get_by_natural_key(self, username: str | None) -> User:
        user = self.named(username or "").first()
        if user is None:
            raise self.model.DoesNotExist
        return user  # type: ignore[no-any-return]

    async def aget_by_natural_key(self, username: str | None) -> User:
        return await sync_to_async(self.get_by_natural_key)(username)

    def _create_user_object(self, username: str, email: str | None, password: str | None, **rest: Any) -> User:
        made = None if password is None else composed(password)
        return super()._create_user_object(username, email, made, **rest)  # type: ignore[no-any-return]

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **rest: Any
    ) -> User:
        """As Django's. Raises `ValidationError` for a name or address that is taken, or looks like one that is."""
        try:
            with transaction.atomic(using=self.db):
                return super().create_superuser(username, email, password, **{"role": Role.STAFF} | rest)
        except IntegrityError as error:
            if (taken := what_is_taken(error)) is None:
                raise
            field, code, message = taken
            raise ValidationError({field: ValidationError(str(message), code=code)}) from error


class GroupMembership(TimeBoxed):
    """That somebody belongs to a group. Whoever asks what it allows asks `apps.access.memberships`."""

    user = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="group_memberships")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        db_table = "users_user_groups"  # Django's own name for it, from before it had an end
        default_permissions = ()
        unique_together = (("user", "group"),)

    def __str__(self) -> str:
        return f"{self.user} · {self.group}"


class User(AbstractUser):
    """Somebody with an account: an end user, who comes through the API, or staff, who come through the console."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    username = NameField(
        _("user name"),
        max_length=150,
        unique=True,
        validators=[validate_username, validate_script],
        error_messages={"unique": NAME_TAKEN},
    )
    username_key = KeyField(NAME)
    username_skeleton = KeyField(LOOK, max_length=KEY_SIZE * 2)
    email = AddressField(_("email address"), error_messages={"unique": MAIL_TAKEN})
    email_key = KeyField(MAIL)
    role = models.CharField(_("role"), max_length=16, choices=Role)
    phone = models.CharField(_("phone"), max_length=32, blank=True, validators=[validate_phone])
    # Not "is_verified", the column's and the API's name: other packages put a method of that name on request.user.
    identity_verified = models.BooleanField(_("verified"), default=False, db_column="is_verified", editable=False)
    suspended_until = models.DateTimeField(_("suspended until"), null=True, blank=True, editable=False)
    groups = models.ManyToManyField(  # type: ignore[assignment]
        Group,
        through=GroupMembership,
        related_name="user_set",
        related_query_name="user",
        verbose_name=_("groups"),
        blank=True,
    )
    language = models.CharField(_("language"), max_length=16, default="en", db_default="en", editable=False)
    """In which they read what we tell them: what their app asked for when they last signed in."""
    token_version = models.PositiveIntegerField(default=1, editable=False)
    """Goes up with each password change and whenever the account is deactivated, activated, or made or unmade staff;
    never down. Tokens and sessions of an earlier one are dead."""
    page_size = models.PositiveSmallIntegerField(
        default=PAGE_SIZES[0],
        db_default=PAGE_SIZES[0],  # the code of before does not name it
        choices=[(size, size) for size in PAGE_SIZES],
        editable=False,
    )

    history = History(
        excluded_fields=[*(key.column for key in KEYS), "password", "last_login", "token_version", "page_size"],
        m2m_fields=["groups", "user_permissions"],
    )
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(
                fields=["username_key"], name="username_key_unique", violation_error_message=NAME_TAKEN
            ),
            models.UniqueConstraint(
                fields=["username_skeleton"], name="username_look_unique", violation_error_message=LOOKS_TAKEN
            ),
            models.UniqueConstraint(fields=["email_key"], name="email_key_unique", violation_error_message=MAIL_TAKEN),
            # For accounts without a key, and for the release before keys while it serves.
            models.UniqueConstraint(Lower("username"), name="username_unique", violation_error_message=NAME_TAKEN),
            models.UniqueConstraint(Lower("email"), name="email_unique", violation_error_message=MAIL_TAKEN),
            models.CheckConstraint(
                condition=Q(is_staff=True, role=Role.STAFF) | Q(is_staff=False, role__in=CLIENT_ROLES),
                name="role_fits_account",
                violation_error_message=_("Staff accounts have the role Staff, and nobody else has."),
            ),
            models.CheckConstraint(condition=Q(is_superuser=False) | Q(is_staff=True), name="superuser_is_staff"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_known"),
        ]
        indexes = [
            GinIndex(OpClass(F("username_key"), name="gin_trgm_ops"), name="user_name_search"),
            GinIndex(OpClass(Upper("email"), name="gin_trgm_ops"), name="user_email_search"),
            models.Index(fields=["is_staff", "role", "identity_verified", "id"], name="user_directory"),
            models.Index(fields=["is_staff", "-date_joined"], name="user_newest"),
            models.Index(fields=["id"], condition=Q(is_active=False), name="user_switched_off"),
            models.Index(phone_digits(), condition=~Q(phone=""), name="user_by_phone"),
            models.Index(
                OpClass(phone_digits_reversed(), name="text_pattern_ops"),
                condition=~Q(phone=""),
                name="user_by_phone_end",
            ),
        ]
        triggers = [
            # Whoever writes it, and also where the row is saved with a version that was read before.
            pgtrigger.Trigger(
                name="sessions_end_with_account",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.is_active <> NEW.is_active OR OLD.is_staff <> NEW.is_staff"
                    " OR OLD.token_version > NEW.token_version"
                ),
                func="""
                    NEW.token_version = GREATEST(
                        NEW.token_version,
                        OLD.token_version + (OLD.is_active <> NEW.is_active OR OLD.is_staff <> NEW.is_staff)::int
                    );
                    RETURN NEW;
                """,
            ),
            *triggers(),
        ]
        permissions = [
            ("export_user", _("Can export users")),
            ("suspend_user", _("Can suspend user")),
            ("investigate_user", _("Can look into everything about one user")),
            ("look_as_user", _("Can see what a user sees")),
            ("reveal_user", _("Can reveal mail address and phone of a user")),
        ]

    def get_full_name(self) -> str:
        return self.username

    get_short_name = get_full_name

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """As it is: the field tidies a new one, and leaves one that is kept."""
        return username

    def save(self, *args: Any, **options: Any) -> None:
        fields = options.get("update_fields")
        if fields is not None:
            options["update_fields"] = {*fields, *(key.column for key in KEYS if key.of in fields)}
        super().save(*args, **options)

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(None if raw_password is None else composed(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is the password, however its letters are composed: earlier ones were stored as they were typed."""
        tried = spellings(raw_password) if raw_password is not None else []
        return any(super(User, self).check_password(spelling) for spelling in tried)

    @property
    def is_suspended(self) -> bool:
        return self.is_suspended_at(timezone.now())

    def is_suspended_at(self, time: datetime) -> bool:
        return self.suspended_until is not None and self.suspended_until > time


def nobody() -> User:
    """An account that nobody has, to check passwords of, so that time does not tell whether there is an account."""
    return User(password=nobodys_password())


class Staff(User):
    """The staff accounts, as the access desk keeps them."""

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        proxy = True
        verbose_name = _("staff member")
        verbose_name_plural = _("users")
        permissions = [("grant_permission", _("Can grant permissions on single rows"))]


class Theme(models.TextChoices):
    SYSTEM = "system", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class Profile(models.Model):
    """What a person shows of themselves."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, verbose_name=_("user"))
    bio = models.TextField(_("about"), blank=True, max_length=2000)
    social_links = models.JSONField(_("social links"), default=dict, blank=True)
    company_name = models.CharField(_("company"), max_length=150, blank=True)
    business_category = models.CharField(_("business category"), max_length=100, blank=True)
    image = models.FileField(_("picture"), upload_to="profiles", blank=True, max_length=255)
    theme = models.CharField(_("theme"), max_length=8, choices=Theme, default=Theme.SYSTEM)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    history = History(excluded_fields=["updated_at"])

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        constraints = [models.CheckConstraint(condition=Q(theme__in=Theme.values), name="profile_theme_known")]
        indexes = [GinIndex(OpClass(Upper("company_name"), name="gin_trgm_ops"), name="profile_company_search")]
        permissions = [("export_profile", _("Can export profiles"))]

    def __str__(self) -> str:
        return str(self.user)


class Follow(models.Model):
    follower = models.ForeignKey(User, on_delete=models.CASCADE, related_name="following")
    followed = models.ForeignKey(User, on_delete=models.CASCADE, related_name="followers")
    created_at = models.DateTimeField(auto_now_add=True)

    history = History()

    class Meta:
        verbose_name = _("follow")
        constraints = [
            models.UniqueConstraint(fields=["follower", "followed"], name="follow_once"),
            models.CheckConstraint(condition=~Q(follower=F("followed")), name="follow_not_oneself"),
        ]

    def __str__(self) -> str:
        return f"{self.follower} → {self.followed}"


class Block(models.Model):
    """Hides two people from each other, everywhere."""

    blocker = models.ForeignKey(User, on_delete=models.CASCADE, related_name="blocking")
    blocked = models.ForeignKey(User, on_delete=models.CASCADE, related_name="blocked_by")
    created_at = models.DateTimeField(auto_now_add=True)

    history = History()

    class Meta:
        verbose_name = _("block")
        constraints = [
            models.UniqueConstraint(fields=["blocker", "blocked"], name="block_once"),
            models.CheckConstraint(condition=~Q(blocker=F("blocked")), name="block_not_oneself"),
        ]

    def __str__(self) -> str:
        return f"{self.blocker} ✕ {self.blocked}"


class SuspensionQuerySet(models.QuerySet["Suspension"]):
    def in_force(self) -> SuspensionQuerySet:
        """Those that still suspend: not one whose decision has been undone, whichever release undid it."""
        return self.filter(lifted_at__isnull=True, until__gt=timezone.now(), decision__undone_at__isnull=True)


class Suspension(models.Model):
    """One reason why somebody is refused at every door for a time; `User.suspended_until` follows from all of them."""

    person = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="suspensions", db_index=False, verbose_name=_("person")
    )
    decision = models.OneToOneField(
        "decisions.Decision",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="suspension",
        verbose_name=_("decision"),
    )
    """Empty where somebody suspended them by hand."""
    until = models.DateTimeField(_("suspended until"))
    given_at = models.DateTimeField(_("given"), default=timezone.now, editable=False)
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True, editable=False)

    history = History()
    objects = SuspensionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suspension")
        verbose_name_plural = _("suspensions")
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(until__gt=F("given_at")), name="suspension_ends_later")]
        indexes = [models.Index(fields=["person", "-until"], name="suspension_of_person")]

    def __str__(self) -> str:
        return _("Suspension %(id)s") % {"id": self.pk}


DOCUMENT_NAME_LENGTH = 150
"""The most characters of a name that is given with a document, or read on it."""


class DocType(models.TextChoices):
    IDENTITY = "identity", _("Identity")
    BUSINESS = "business", _("Business")


class Reason(models.TextChoices):
    """Why a document was rejected. The label is for staff; `text` is what the owner reads."""

    UNREADABLE = "unreadable", _("Unreadable")
    EXPIRED = "expired", _("Expired")
    CUT_OFF = "cut_off", _("Cut off")
    WRONG_DOCUMENT = "wrong_document", _("Wrong document")
    NAME_DIFFERS = "name_differs", _("Name differs")
    FORGED = "forged", _("Forged or altered")
    ALREADY_USED = "already_used", _("Already used on another account")
    NOT_ELIGIBLE = "not_eligible", _("Not eligible")

    @property
    def text(self) -> str:
        """In the language that is active."""
        return str(REASONS[self])

    @property
    def may_resubmit(self) -> bool:
        return self not in (Reason.FORGED, Reason.ALREADY_USED, Reason.NOT_ELIGIBLE)


class DocumentQuerySet(models.QuerySet["Document"]):
    def pending(self) -> DocumentQuerySet:
        return self.filter(status=Document.Status.PENDING)

    def newest_first(self) -> DocumentQuerySet:
        return self.order_by("-created_at", "-id")


class Document(Workable):
    """A proof of identity or business, sent in by its owner and decided by a reviewer."""

    WORK_PERMISSION = "users.review_document"

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="documents", verbose_name=_("owner"))
    doc_type = models.CharField(_("kind"), max_length=16, choices=DocType)
    legal_name = models.CharField(
        _("legal name"), max_length=DOCUMENT_NAME_LENGTH, blank=True, default="", db_default="", editable=False
    )
    """As its owner gave it with the upload; empty where they gave none."""
    file = models.FileField(_("file"), upload_to="documents", max_length=255)
    media_type = models.CharField(_("media type"), max_length=64, editable=False)
    size = models.PositiveIntegerField(_("size in bytes"), editable=False)
    sha256 = models.CharField(_("SHA-256"), max_length=64, editable=False, db_index=True)
    pages = models.SmallIntegerField(_("pages"), null=True, editable=False)
    """None until the file has been looked through, 0 where it cannot be drawn."""
    letters_missing = models.BooleanField(_("letters missing"), default=False, db_default=False, editable=False)
    """Some letters cannot be drawn here: the file leaves their font to the reader."""
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    reason = models.CharField(_("reason"), max_length=32, choices=Reason, blank=True)
    comment = models.TextField(
        _("admin comment"), blank=True, max_length=2000, help_text=_("The owner reads this with the decision.")
    )
    decided_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("submitted"), default=timezone.now, editable=False)
    needs_second = models.BooleanField(_("needs two approvals"), default=False, db_default=False, editable=False)
    """A rule or a person asked for another pair of eyes: the first approval is held until somebody else confirms it."""
    first_approved_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,  # asked of single rows, and of pending ones, alone
        related_name="+",
        verbose_name=_("first approved by"),
    )
    first_approved_at = models.DateTimeField(_("first approved"), null=True, blank=True, editable=False)

    history = History(excluded_fields=[*Workable.WORK_FIELDS, "pages", "letters_missing", "legal_name"])
    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "doc_type"], condition=Q(status="pending"), name="document_one_pending"
            ),
            models.CheckConstraint(
                condition=Q(status="pending", decided_at__isnull=True)
                | Q(status__in=["approved", "rejected"], decided_at__isnull=False),
                name="document_decided_once_settled",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("owner")), name="document_not_by_owner"
            ),
            models.CheckConstraint(
                condition=~Q(status="approved", needs_second=True, first_approved_by__isnull=True),
                name="document_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(first_approved_by__isnull=True, first_approved_at__isnull=True)
                | Q(first_approved_by__isnull=False, first_approved_at__isnull=False)
                & ~Q(first_approved_by=F("owner"))
                & (Q(decided_by__isnull=True) | ~Q(first_approved_by=F("decided_by"))),
                name="document_two_people",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "created_at", "id"], name="document_queue"),
            models.Index(fields=["owner", "-created_at"], name="document_of_owner"),
            models.Index(fields=["-created_at", "-id"], name="document_newest"),
            models.Index(fields=["id"], condition=Q(pages__isnull=True), name="document_not_inspected"),
            models.Index(fields=["-decided_at"], condition=Q(decided_at__isnull=False), name="document_latest_decided"),
        ]
        permissions = [
            ("review_document", _("Can review document")),
            ("review_influencer_document", _("Can review documents of influencers")),
            ("review_entrepreneur_document", _("Can review documents of entrepreneurs")),
            ("review_brand_document", _("Can review documents of brands")),
            ("export_document", _("Can export documents")),
        ]

    def __str__(self) -> str:
        return _("%(kind)s document %(id)s") % {"kind": self.get_doc_type_display(), "id": self.pk}

    def not_for(self, person: User) -> DomainError | None:
        if person.pk == self.owner_id:
            return Conflict("own-document", _("This is your own document. A colleague has to review it."))
        if self.is_held and person.pk == self.first_approved_by_id:
            return Conflict("own-approval", _("You recorded the first approval; a second officer has to confirm it."))
        return None

    def settle(self, verdict: str, by: User, reason: str = "", comment: str = "") -> None:
        """Leave pending for `verdict`, approved or rejected."""
        if self.status != self.Status.PENDING:
            raise Conflict("already-decided", _("This document has already been decided."))
        self._decide(verdict, by, reason, comment)

    def override(self, verdict: str, by: User, reason: str = "", comment: str = "") -> None:
        """Leave one verdict for another."""
        if self.status == self.Status.PENDING:
            raise Conflict("not-decided", _("This document has not been decided yet."))
        self._decide(verdict, by, reason, comment)

    def hold(self, by: User) -> None:
        """Wait for somebody else to confirm the approval: pending, from wherever it was."""
        self.status, self.reason, self.comment = self.Status.PENDING, "", ""
        self.decided_by = self.decided_at = None
        self.needs_second = True
        self.first_approved_by, self.first_approved_at = by, timezone.now()
        self._worked_on()

    @property
    def is_held(self) -> bool:
        return self.status == self.Status.PENDING and self.first_approved_at is not None

    def _decide(self, verdict: str, by: User, reason: str, comment: str) -> None:
        self.status, self.reason, self.comment = verdict, reason, comment
        self.decided_by, self.decided_at = by, timezone.now()
        self._worked_on()

    def _worked_on(self) -> None:
        self.claimed_by = self.claimed_until = None
        self.version += 1

    @property
    def may_resubmit(self) -> bool:
        """Whether the owner may send another of this kind, as far as this one goes."""
        if self.status != self.Status.REJECTED:
            return False
        return not self.reason or Reason(self.reason).may_resubmit


RULED_KINDS = {
    "": _("All documents"),
    DocType.IDENTITY: _("Identity documents"),
    DocType.BUSINESS: _("Business documents"),
}
RULED_ROLES = {
    "": _("people"),
    Role.INFLUENCER: _("influencers"),
    Role.ENTREPRENEUR: _("entrepreneurs"),
    Role.BRAND: _("brands"),
}


class ReviewRule(models.Model):
    """Which documents two people approve. What is left open applies to all."""

    doc_type = models.CharField(_("kind"), max_length=16, choices=DocType, blank=True)
    role = models.CharField(
        _("role"), max_length=16, choices=[(role.value, role.label) for role in CLIENT_ROLES], blank=True
    )
    after_rejection = models.BooleanField(_("only after an earlier rejection"), default=False)
    followers_from = models.PositiveIntegerField(_("only from so many followers"), null=True, blank=True)
    active = models.BooleanField(_("active"), default=True)

    history = History()

    class Meta:
        verbose_name = _("four-eyes rule")
        verbose_name_plural = _("four-eyes rules")
        default_permissions = ("change",)

    def __str__(self) -> str:
        """As in "Business documents of brands that were rejected before"."""
        what = {"what": RULED_KINDS[self.doc_type]}
        conditions: list[object] = []
        if self.after_rejection:
            conditions.append(_("that were rejected before"))
        if self.followers_from is not None:
            conditions.append(_("that have %(n)d followers or more") % {"n": self.followers_from})
        if not self.role and not conditions:
            return str(what["what"])
        said = _("%(what)s of %(whom)s") % (what | {"whom": RULED_ROLES[self.role]})
        return f"{said} {_(' and ').join(map(str, conditions))}".rstrip()


class QualityShare(models.Model):
    """How many of the decisions about documents are shown, blind, to a second officer. None without a row."""

    percent = models.PositiveSmallIntegerField(_("percent"))

    history = History()

    class Meta:
        verbose_name = _("share of blind checks")
        default_permissions = ("change",)
        constraints = [models.CheckConstraint(condition=Q(percent__lte=100), name="quality_share_percent")]

    def __str__(self) -> str:
        return f"{self.percent} %"


class BlindCheck(models.Model):
    """A decided document that a second officer judges without knowing how it was decided. It changes nothing."""

    decision = models.OneToOneField("decisions.Decision", on_delete=models.CASCADE, related_name="+")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    officer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    """Who decided it."""
    decided = models.CharField(max_length=16, choices=Document.Status)
    decided_reason = models.CharField(max_length=32, choices=Reason, blank=True)
    checked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    checked_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=16, choices=Document.Status, blank=True)
    reason = models.CharField(max_length=32, choices=Reason, blank=True)

    class Meta:
        verbose_name = _("blind check")
        verbose_name_plural = _("blind checks")
        default_permissions = ()
        permissions = [("view_quality", _("Can see how officers agree"))]
        indexes = [
            models.Index(fields=["id"], condition=Q(checked_at__isnull=True), name="blind_check_open"),
            models.Index(fields=["-checked_at"], name="blind_check_latest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(checked_by__isnull=True, checked_at__isnull=True, verdict="")
                | Q(checked_by__isnull=False, checked_at__isnull=False, verdict__in=["approved", "rejected"])
                & ~Q(checked_by=F("officer")),
                name="blind_check_by_another",
            )
        ]

    def __str__(self) -> str:
        return f"{self.document_id}"


class Check(models.TextChoices):
    """What an officer ticks of a document that they have looked at."""

    ONE_PERSON = "one_person", _("Photo shows one person")
    NAME_MATCHES = "name_matches", _("Name matches")
    CORNERS = "corners", _("All corners visible")
    UNTAMPERED = "untampered", _("No sign of tampering")
    COMPANY_MATCHES = "company_matches", _("Company name matches")
    ISSUED = "issued", _("Issued by a register or authority")
    ALL_PAGES = "all_pages", _("All pages there")


CHECKS = {
    DocType.IDENTITY: (Check.ONE_PERSON, Check.NAME_MATCHES, Check.CORNERS, Check.UNTAMPERED),
    DocType.BUSINESS: (Check.COMPANY_MATCHES, Check.ISSUED, Check.ALL_PAGES),
}
"""The checklist of each kind of document."""


class DocumentDetails(models.Model):
    """What a document says, as an officer read it. Personal, so it has no history, and goes with the document."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="details")
    name = models.CharField(_("name on the document"), max_length=DOCUMENT_NAME_LENGTH, blank=True)
    born = models.DateField(_("date of birth"), null=True, blank=True)
    """Of identity documents."""
    number = models.CharField(_("document number"), max_length=64, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    """The last day on which it is valid."""
    checks = ArrayField(models.CharField(max_length=16, choices=Check), verbose_name=_("checks"), default=list)
    typed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("typed by"))
    typed_at = models.DateTimeField(_("typed"), default=timezone.now)
    version = models.PositiveIntegerField(default=1)
    """Goes up with each save; one that was typed on an older version is refused."""

    class Meta:
        verbose_name = _("document details")
        verbose_name_plural = _("document details")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.document_id}"


class DocumentKey(models.Model):
    """By what a document is found again on other accounts: keyed hashes of its names and its number."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="keys")
    key = models.CharField(max_length=32)

    class Meta:
        verbose_name = _("document key")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["document", "key"], name="document_key_once")]
        indexes = [models.Index(fields=["key", "-document"], name="document_by_key")]

    def __str__(self) -> str:
        return f"{self.document_id}"


class DocumentPrint(models.Model):
    """Hashes of the first page of a document, to find it again on other accounts."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="print")
    version = models.PositiveSmallIntegerField(default=0, db_default=0, db_index=True)
    """Of the way it was made; older ones are made anew, in the background."""
    hashes = ArrayField(models.IntegerField(), null=True)
    """Of what stands out of the page, without those that many documents share."""
    features = models.BinaryField(max_length=10_800, null=True)
    """Where that is and what it looks like: 36 bytes for each of at most 300."""
    # Of the release before, which still writes them while both run. To be dropped.
    bits = models.BigIntegerField(null=True)
    bands = ArrayField(models.IntegerField(), size=4, null=True)
    sketch = models.BinaryField(max_length=1024, null=True)

    class Meta:
        verbose_name = _("fingerprint")
        default_permissions = ()
        indexes = [
            GinIndex(fields=["bands"], name="document_print_bands"),
            # No list of what is pending: each of a thousand look-ups would read all of it.
            GinIndex(fields=["hashes"], name="document_print_hashes", fastupdate=False),
        ]

    def __str__(self) -> str:
        return f"{self.document_id}"


class DocumentTwin(models.Model):
    """Two documents whose first pages look alike."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    """The one that was found later."""
    other = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    score = models.FloatField(null=True)
    """How alike, 0 to 1. None for what the release before noted, which counts for nothing."""

    class Meta:
        verbose_name = _("twin")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(Least("document", "other"), Greatest("document", "other"), name="twins_once"),
            models.CheckConstraint(condition=~Q(document=F("other")), name="twin_not_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} = {self.other_id}"


class DocumentUserObjectPermission(UserObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Document, on_delete=models.CASCADE)


class DocumentGroupObjectPermission(GroupObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Document, on_delete=models.CASCADE)


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self) -> SessionQuerySet:
        return self.filter(ended_at__isnull=True, expires_at__gt=timezone.now())


class Session(models.Model):
    """One sign-in, of staff to the console or of a client app to the API, until it ends."""

    class Door(models.TextChoices):
        CONSOLE = "console", _("Console")
        API = "api", _("API")

    key = models.UUIDField(default=uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions", verbose_name=_("user"))
    door = models.CharField(_("client"), max_length=8, choices=Door)
    refresh_id = models.UUIDField(null=True, editable=False)
    """The one refresh token of this sign-in that still counts; an earlier one used again ends the session."""
    token_version = models.PositiveIntegerField(default=1, editable=False)
    address = models.GenericIPAddressField(_("address"), null=True)
    user_agent = models.CharField(_("device"), max_length=400, blank=True)
    created_at = models.DateTimeField(_("signed in"), auto_now_add=True)
    last_seen_at = models.DateTimeField(_("last activity"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("ended by")
    )
    end_reason = models.CharField(_("why it ended"), max_length=200, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        default_permissions = ("view",)
        permissions = [("end_session", _("Can end session"))]
        indexes = [
            models.Index(fields=["user", "-last_seen_at"], name="session_of_user"),
            models.Index(fields=["-last_seen_at", "-id"], name="session_latest"),
            models.Index(fields=["door", "-last_seen_at", "-id"], name="session_by_door"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_door_display()}"

    @property
    def is_live(self) -> bool:
        return self.ended_at is None and self.expires_at > timezone.now()

    def end(self, by: User | None, reason: str) -> None:
        if self.ended_at is None:
            self.ended_at, self.ended_by, self.end_reason = timezone.now(), by, reason


RESET_CODE_LIFETIME = timedelta(minutes=10)
RESET_CODE_TRIES = 5


class ResetCode(models.Model):
    """A six-digit code that was mailed to somebody who forgot their password."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="reset_code")
    code_hash = models.CharField(max_length=200)
    tries_left = models.PositiveSmallIntegerField(default=RESET_CODE_TRIES)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.user)


MFA_RESET_LIFETIME = timedelta(hours=24)


class MfaReset(models.Model):
    """The wish of one member of staff to take away somebody's lost second factor, until another confirms it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mfa_resets", verbose_name=_("user"))
    reason = models.CharField(_("reason"), max_length=500)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("asked by"))
    asked_at = models.DateTimeField(_("asked"), default=timezone.now, editable=False)
    confirmed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("confirmed by")
    )
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True, editable=False)

    history = History()

    class Meta:
        verbose_name = _("reset of a second factor")
        verbose_name_plural = _("resets of second factors")
        default_permissions = ("view",)
        permissions = [("reset_mfa", _("Can reset second factor"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="mfa_reset_confirmed_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(asked_by=F("user"))
                & (Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("user")) & ~Q(confirmed_by=F("asked_by"))),
                name="mfa_reset_three_people",
            ),
        ]
        indexes = [models.Index(fields=["-asked_at"], name="mfa_reset_latest")]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def is_open(self) -> bool:
        return self.confirmed_at is None and self.asked_at > timezone.now() - MFA_RESET_LIFETIME

    def confirm(self, by: User) -> None:
        if not self.is_open:
            raise Conflict("reset-over", _("This reset was carried out already, or nobody confirmed it within a day."))
        self.confirmed_by, self.confirmed_at = by, timezone.now()


def _history_of_groups() -> None:
    if not hasattr(Group, "history"):
        simple_history.register(
            Group,
            records_class=History,
            app="apps.users",
            m2m_fields=[Group.permissions.field],
            table_name="users_historicalgroup",
        )


_history_of_groups()
