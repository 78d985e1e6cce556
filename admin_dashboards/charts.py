"""Charts of a desk, as Unfold draws them."""

from __future__ import annotations

import json
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.review.figures import Figures

# A canvas takes no colour from the page: one that reads on white and on black.
INK = "#7a818e"
OPTIONS = json.dumps(
    {
        "animation": False,
        "responsive": True,
        "maintainAspectRatio": False,
        "maxBarThickness": 12,
        "plugins": {
            "legend": {"display": True, "align": "end", "labels": {"color": INK, "boxWidth": 10, "boxHeight": 10}}
        },
        "scales": {
            "x": {"grid": {"display": False}, "ticks": {"color": INK, "maxRotation": 0}},
            "y": {"beginAtZero": True, "ticks": {"color": INK, "precision": 0, "maxTicksLimit": 4}},
        },
    }
)


def arrivals_and_decisions(figures: Figures) -> dict[str, Any]:
    """Day by day what came in and what was decided: for the picture, and as rows for those who do not see it."""
    days = figures.days
    return {
        "data": json.dumps(
            {
                "labels": [date_format(day.date, "j M") for day in days],
                "datasets": [
                    {
                        "label": _("Received"),
                        "data": [day.arrived for day in days],
                        "backgroundColor": "var(--color-base-400)",
                    },
                    {
                        "label": _("Decided"),
                        "data": [day.decided for day in days],
                        "backgroundColor": "var(--color-primary-600)",
                    },
                ],
            }
        ),
        "options": OPTIONS,
        "days": days,
    }
