"""States as staff see them: an icon and a word, and only then a colour."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString

TONES = {
    "neutral": "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
    "good": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "wait": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "bad": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
}


def label(icon: str, word: str | Promise, tone: str = "neutral") -> SafeString:
    """`icon` is the name of a Material symbol, `tone` one of TONES."""
    return format_html(
        '<span class="inline-block font-semibold h-6 leading-6 px-2 rounded-default text-[11px] whitespace-nowrap {}">'
        '<span class="material-symbols-outlined text-sm -ml-0.5 mr-0.5 align-[-3px]" aria-hidden="true">{}</span>'
        "{}</span>",
        TONES[tone],
        icon,
        word,
    )
