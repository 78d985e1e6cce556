"""The form of a row, which shows what a service rejected."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from apps.errors import DomainError


class Form(forms.ModelForm):
    """Shows the error by which the domain rejected the input, with all that was typed still in place."""

    rejected: ClassVar[DomainError | None] = None
    # Of various types, and of a request's data where the form is bound.
    fields: dict[str, Any]
    data: Any

    def _clean_form(self) -> None:
        super()._clean_form()  # type: ignore[misc]
        if self.rejected is not None:
            field = self.rejected.field
            self.add_error(field if field in self.fields else None, str(self.rejected))
