"""When work that must be done again and again was last done, for those who watch that it is."""

from __future__ import annotations

from django.db import models


class LastSuccess(models.Model):
    """One row for each kind of work, such as a backup: few, whatever else grows."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M}"
