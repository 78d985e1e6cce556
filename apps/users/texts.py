"""What owners of rejected documents read, by the code of the reason."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

REASONS = {
    "unreadable": _("We could not read your document. Please send a sharp, well-lit picture of it."),
    "expired": _("Your document has expired. Please send one that is still valid."),
    "cut_off": _("Part of your document is missing. Please send a picture that shows all of it."),
    "wrong_document": _("This is not the kind of document that we asked for. Please send the right one."),
    "name_differs": _("The name on the document is not the name of your account. Please correct one of the two."),
    "forged": _("Your document could not be accepted as genuine."),
    "already_used": _("This document has been used for another account."),
    "not_eligible": _("Your account is not eligible for verification."),
}
