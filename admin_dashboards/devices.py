"""What a browser says of itself, shortened to a name."""

from __future__ import annotations


def device_of(user_agent: str) -> str:
    """The browser or program of a user agent and its system, as in "Firefox · Linux"."""
    browsers = {"Edg": "Edge", "OPR": "Opera", "Chrome": "Chrome", "Firefox": "Firefox", "Safari": "Safari"}
    systems = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")
    browser = next((name for mark, name in browsers.items() if f"{mark}/" in user_agent), "")
    system = next((name for name in systems if name in user_agent), "")
    return " · ".join(filter(None, [browser or user_agent.partition("/")[0][:40], system])) or "–"
