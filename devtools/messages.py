"""Texts for people of the platform in other languages: `python -m devtools.messages` gathers them into locale/*.po and
compiles what is translated there, since machines that run the platform may have no msgfmt.

The console speaks English; nothing but what people of the platform read is gathered.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from devtools.paths import CHECKOUT

LOCALE = CHECKOUT / "locale"
CODE = ("apps/notifications/texts.py", "apps/users/texts.py")
TEMPLATES = "templates/mail/*.txt"
KEYWORDS = DEFAULT_KEYWORDS | {"pgettext_lazy": ((1, "c"), 2), "gettext_lazy": None}
# Where a text stands in its file is not kept: it would change with every line above it.
NO_LINE = 0
# As `templatize` writes what a template has for translation.
IN_TEMPLATE = re.compile(r"""gettext\(u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\)""")


def gathered() -> Catalog:
    """All texts that people of the platform read, untranslated."""
    catalog = Catalog()
    for name in CODE:
        with (CHECKOUT / name).open("rb") as file:
            for _line, message, comments, context in extract("python", file, KEYWORDS, ["Translators:"]):
                catalog.add(message, auto_comments=comments, context=context, locations=[(name, NO_LINE)])
    for file_name in sorted(CHECKOUT.glob(TEMPLATES)):
        for found in IN_TEMPLATE.finditer(templatize(file_name.read_text())):
            where = str(file_name.relative_to(CHECKOUT))
            catalog.add(ast.literal_eval(found[1]), locations=[(where, NO_LINE)])
    return catalog


def languages() -> Iterator[Path]:
    """The .po file of each language but English."""
    yield from sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))


def read(file: Path) -> Catalog:
    with file.open("rb") as opened:
        return read_po(opened, locale=file.parts[-3])


def compiled(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def main() -> None:
    missing = 0
    for file in languages():
        catalog = read(file)
        made = catalog.creation_date
        catalog.update(gathered(), no_fuzzy_matching=True)
        catalog.creation_date = made  # so that nothing changes where no text has
        catalog.obsolete.clear()
        with file.open("wb") as out:
            write_po(out, catalog, width=120, omit_header=False, sort_output=True, include_lineno=False)
        file.with_suffix(".mo").write_bytes(compiled(catalog))
        untranslated = [message.id for message in catalog if message.id and not message.string]
        missing += len(untranslated)
        print(f"{file.relative_to(CHECKOUT)}: {len(catalog)} texts, {len(untranslated)} not translated")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
