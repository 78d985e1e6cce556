"""Close stored files to other accounts of the machine: those of releases that left them open to all."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Close stored files to other accounts of this machine. Once is enough: new ones are closed."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(settings.MEDIA_ROOT)
        # Last of all the folder itself is closed, so a closed one has been gone through.
        if settings.USE_S3 or not root.is_dir() or not root.stat().st_mode & 0o077:
            return
        for folder, _folders, names in root.walk(top_down=False):
            for file in (folder / name for name in names):
                if not file.is_symlink():
                    file.chmod(0o600)
            folder.chmod(0o700)
