"""The rules of verification: which documents need two approvals, and how many decisions get a blind review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.review.settings import Setting, number_sent
from apps.errors import Invalid
from apps.infra.ids import parse_id
from apps.review.settings import version_of, versions_of
from apps.users.models import RULED_KINDS, RULED_ROLES, QualityShare, ReviewRule, User
from apps.users.verification.four_eyes import CHANGES_RULES, MOST_FOLLOWERS, remove_rule, save_rule
from apps.users.verification.quality import CHANGES_SHARE, set_share

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk


class RulesSetting(Setting):
    """The rules by which a document needs two approvals."""

    code = "rules"
    title: ClassVar[str | Promise] = gettext_lazy("Four eyes: documents that need two approvals")
    permission = CHANGES_RULES
    template = "compliance/desk/settings_rules.html"

    def shown(self, desk: WorkDesk) -> dict[str, Any]:
        rules = list(ReviewRule.objects.order_by("-active", "id"))
        versions = versions_of(rules)
        return {
            "rules": [{"rule": rule, "version": versions[rule.pk]} for rule in rules],
            "kinds": list(RULED_KINDS.items()),
            "roles": list(RULED_ROLES.items()),
            "most": MOST_FOLLOWERS,
        }

    def change(self, actor: User, desk: WorkDesk, sent: QueryDict) -> str:
        number, version = parse_id(sent.get("rule", "")), parse_id(sent.get("version", ""))
        match sent.get("action"):
            case "add":
                followers = number_sent(sent, "followers_from") if sent.get("followers_from", "").strip() else None
                rule = save_rule(
                    actor,
                    None,
                    doc_type=sent.get("doc_type", ""),
                    role=sent.get("role", ""),
                    after_rejection=bool(sent.get("after_rejection")),
                    followers_from=followers,
                )
                return _("Two approvals are now required for: %(rule)s.") % {"rule": rule}
            case "on" | "off" as action:
                rule = save_rule(actor, number, version=version, active=action == "on")
                said = _("Rule activated: %(rule)s.") if rule.active else _("Rule deactivated: %(rule)s.")
                return said % {"rule": rule}
            case "remove":
                remove_rule(actor, number, version=version)
                return _("Rule removed. Documents that already wait for a second approval keep waiting.")
        raise Invalid("unknown", _("Unknown action. Reload the page and choose again."), field="action")

    def history(self, desk: WorkDesk) -> QuerySet[Any]:
        return ReviewRule.history.all()


class ShareSetting(Setting):
    """How many decisions of a hundred get a blind review."""

    code = "share"
    title: ClassVar[str | Promise] = gettext_lazy("Quality: share of blind reviews")
    permission = CHANGES_SHARE
    template = "compliance/desk/settings_share.html"

    def shown(self, desk: WorkDesk) -> dict[str, Any]:
        share = QualityShare.objects.first() or QualityShare(percent=0)
        return {"percent": share.percent, "version": version_of(share)}

    def change(self, actor: User, desk: WorkDesk, sent: QueryDict) -> str:
        share = set_share(actor, percent=number_sent(sent, "percent"), version=parse_id(sent.get("version", "")))
        return _("%(n)d of 100 decisions now get a blind review.") % {"n": share.percent}

    def history(self, desk: WorkDesk) -> QuerySet[Any]:
        return QualityShare.history.all()
