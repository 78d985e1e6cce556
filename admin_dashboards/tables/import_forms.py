"""The forms of an import: the file, and the confirmation of its preview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from import_export.forms import ConfirmImportForm
from unfold.contrib.import_export.forms import ImportForm

from admin_dashboards.tables import limits
from admin_dashboards.tables.sheets import estimate_rows, is_workbook

if TYPE_CHECKING:
    from admin_dashboards.tables.resources import TableResource


class ImportFileForm(ImportForm):
    def __init__(self, formats: Any, resources: Sequence[type[TableResource]], **options: Any) -> None:
        super().__init__(formats, resources, **options)
        self.columns = resources[0].columns()
        self.fields["format"].required = False
        self.fields["import_file"].widget.attrs |= {
            "accept": ".csv,.txt,.tsv,.xlsx",
            "aria-describedby": "import-limits import-too-large",
            "data-warning": "import-too-large",
            "data-max-bytes": limits.MAX_IMPORTED_BYTES,
            "data-too-large": _("This file is over %s. Split it into smaller ones.")
            % limits.size_of(limits.MAX_IMPORTED_BYTES),
        }

    def clean_format(self) -> str:
        return "0"  # there is only one

    def clean_import_file(self) -> Any:
        upload = self.cleaned_data["import_file"]
        if upload.size > limits.MAX_IMPORTED_BYTES:
            sentence = _("This file is over %s. Split it into smaller ones.") % limits.size_of(
                limits.MAX_IMPORTED_BYTES
            )
            raise forms.ValidationError(sentence, code="too-large")
        content = upload.read()
        if upload.name.lower().endswith(".xlsx") and not is_workbook(content):
            sentence = _(
                "This file is named .xlsx but is not a workbook. Save it as a workbook, or as CSV UTF-8 (.csv)."
            )
            raise forms.ValidationError(sentence, code="no-workbook")
        upload.rows, certain = estimate_rows(content, self.columns)
        upload.seek(0)
        if certain and upload.rows > limits.MAX_IMPORTED_ROWS:
            raise forms.ValidationError(limits.too_many_rows(upload.rows), code="too-many-rows")
        return upload


class ConfirmForm(ConfirmImportForm):
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    """What the rows were at the time of the preview."""
