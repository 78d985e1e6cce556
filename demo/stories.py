"""Stories: some to be seen now, some expired, the oldest freed of their files."""

from __future__ import annotations

from datetime import timedelta

from apps.audit.actions import Action
from apps.stories.models import LIFETIME, Story, StoryView
from demo import texts
from demo.accounts import TRIO
from demo.drawing.scenes import scene
from demo.scenario import Scenario, change, create

# Hours ago at which stories were posted.
POSTED = (
    0.3,
    0.8,
    1.5,
    2,
    3,
    4,
    5,
    6,
    7.5,
    9,
    10,
    11.5,
    13,
    14,
    16,
    18,
    20,
    22,
    23.5,
    25,
    27,
    30,
    36,
    44,
    60,
    80,
    100,
    150,
)
FREED_AFTER = timedelta(hours=48)


def post(scenario: Scenario) -> list[Story]:
    """All stories, the newest first."""
    others = [user for user in scenario.verified if user.username not in TRIO]
    authors = [*(scenario[name] for name in TRIO), *scenario.random.sample(others, len(POSTED) - 3)]
    stories = []
    for place, hours in enumerate(POSTED):
        kind, caption = texts.STORIES[place % len(texts.STORIES)]
        at = scenario.ago(hours=hours)
        file = scenario.store("stories", "image/jpeg", scene(scenario.random, kind))
        stories.append(
            Story(
                author=authors[place],
                content_file=file.name,
                media_type=file.media_type,
                size=file.size,
                sha256=file.sha256,
                caption=caption,
                audience=Story.Audience.CONNECTIONS if place % 6 == 4 else Story.Audience.PUBLIC,
                created_at=at,
                expires_at=at + LIFETIME,
            )
        )
    create(stories, by=lambda story: story.author, at=lambda story: story.created_at, action=Action.STORY_POSTED)
    freed = [story for story in stories if scenario.now - story.created_at > FREED_AFTER]
    for story in freed:
        story.content_file.storage.delete(str(story.content_file.name))
        story.freed_at = story.expires_at + timedelta(minutes=4)
    change(
        freed,
        ["freed_at"],
        by=lambda _: None,
        at=lambda story: story.freed_at or scenario.now,
        action=Action.STORY_EXPIRED,
    )
    _look(scenario, stories)
    return stories


def _look(scenario: Scenario, stories: list[Story]) -> None:
    views = []
    for story in stories:
        if story.audience != Story.Audience.PUBLIC:
            continue
        until = min(story.expires_at, scenario.now)
        for viewer in scenario.random.sample(scenario.clients, scenario.random.randint(2, 18)):
            if viewer.pk != story.author_id:
                seen_at = story.created_at + (until - story.created_at) * scenario.random.random()
                views.append(StoryView(story=story, viewer=viewer, seen_at=seen_at))
    StoryView.objects.bulk_create(views)
