"""Django's changepassword, for an account however its name is written."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import changepassword

from apps.users.models import User


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        if name := options["username"]:
            user = User.objects.using(options["database"]).named(name).first()
            options["username"] = user.username if user else name
        return super().handle(*args, **options)
