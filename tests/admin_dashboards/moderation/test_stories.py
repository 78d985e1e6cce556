"""Stories in the console: seen newest first, removed by selecting and Delete, restored."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.core.files.storage import FileSystemStorage, default_storage
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm
from PIL import Image

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.infra.files import renditions
from apps.review.preferences import prefer
from apps.stories.models import Story
from apps.stories.services import free_expired
from tests import drawn, people
from tests.console import console, fields, links
from tests.factories import PNG, make_story

pytestmark = pytest.mark.django_db
STORIES = "/admin/stories/story/"


def select_and_delete(client: Client, *stories: Story, **more: Any) -> Any:
    chosen = {"action": "delete_selected", "_selected_action": [story.pk for story in stories]}
    return client.post(STORIES, chosen | more, follow=True)


def test_stories_are_listed_newest_first() -> None:
    alice = people.alice()
    make_story(alice, "Older", hours_old=2)
    make_story(alice, "Newest")
    page = console(people.community()).get(STORIES).content.decode()
    assert page.index("Newest") < page.index("Older")


def test_an_expired_story_is_read_without_its_file() -> None:
    story = make_story(people.alice(), "Gone since", hours_old=26)
    assert free_expired() == 1
    client = console(people.community())
    assert "Gone since" in client.get(f"{STORIES}{story.pk}/change/").content.decode()
    assert client.get(f"{STORIES}{story.pk}/file/").status_code == 404


def test_the_page_of_a_story_shows_its_file_once() -> None:
    story = make_story(people.alice())
    page = console(people.community()).get(f"{STORIES}{story.pk}/change/").text
    assert page.count(f'src="{STORIES}{story.pk}/file/"') == 1


def test_select_delete_and_confirm_takes_a_story_down() -> None:
    story = make_story(people.alice())
    community = people.community()
    asked = select_and_delete(console(community), story)
    assert "This hides it from everyone except staff." in asked.content.decode()
    assert Story.objects.active().exists()
    answer = select_and_delete(console(community), story, post="yes", reason="Not for children")
    assert "1 story removed" in answer.content.decode()
    story.refresh_from_db()
    assert (story.removed_by, story.removal_reason) == (community, "Not for children")
    assert not Story.objects.active().exists()


def test_already_removed_stories_are_named_and_skipped() -> None:
    alice = people.alice()
    gone, there = make_story(alice, "Gone"), make_story(alice, "There")
    client = console(people.community())
    select_and_delete(client, gone, post="yes")
    answer = select_and_delete(client, gone, there, post="yes").content.decode()
    assert "1 story removed" in answer
    assert "Gone: This has been removed already." in answer


def test_a_selection_has_a_limit() -> None:
    alice = people.alice()
    stories = [make_story(alice, f"Story {number}") for number in range(101)]
    answer = select_and_delete(console(people.community()), *stories, post="yes")
    assert "At most 100 at once" in answer.content.decode()
    assert Story.objects.active().count() == 101


def test_the_delete_button_of_a_story_removes_it_too() -> None:
    story = make_story(people.alice())
    client = console(people.community())
    page = client.get(f"{STORIES}{story.pk}/change/")
    assert any(link.startswith(f"{STORIES}{story.pk}/delete/") for link in links(page))
    client.get(f"{STORIES}{story.pk}/delete/")
    assert Story.objects.active().exists()
    client.post(f"{STORIES}{story.pk}/delete/", {"post": "yes", "reason": "Spam"})
    story.refresh_from_db()
    assert story.removal_reason == "Spam"


def test_a_removed_story_is_restored_by_a_button_and_by_selection() -> None:
    story = make_story(people.alice())
    client = console(people.community())
    for restore in (
        lambda: client.post(f"{STORIES}{story.pk}/restore/"),
        lambda: client.post(STORIES, {"action": "restore_selected", "_selected_action": [story.pk]}),
    ):
        select_and_delete(client, story, post="yes")
        page = client.get(f"{STORIES}{story.pk}/change/").content.decode()
        assert "Removed by community" in page
        assert f"{STORIES}{story.pk}/restore/" in page
        restore()
        assert Story.objects.active().exists()


def test_list_filters_are_kept_after_a_removal() -> None:
    story = make_story(people.alice())
    client = console(people.community())
    kept = "?_changelist_filters=state%3Dactive%26q%3Dalice"
    page = client.get(f"{STORIES}{story.pk}/change/{kept}")
    assert f"{STORIES}{story.pk}/delete/{kept}" in links(page)
    answer = client.post(f"{STORIES}{story.pk}/delete/{kept}", {"post": "yes"})
    assert answer.url == f"{STORIES}?state=active&q=alice"
    assert client.post(f"{STORIES}{story.pk}/restore/{kept}").url == f"{STORIES}{story.pk}/change/{kept}"


def test_restoring_needs_a_post() -> None:
    story = make_story(people.alice())
    client = console(people.community())
    select_and_delete(client, story, post="yes")
    assert client.get(f"{STORIES}{story.pk}/restore/").status_code == 405
    assert not Story.objects.active().exists()


def test_deleting_twice_says_so() -> None:
    story = make_story(people.alice())
    client = console(people.community())
    client.post(f"{STORIES}{story.pk}/delete/", {"post": "yes"})
    answer = client.post(f"{STORIES}{story.pk}/delete/", {"post": "yes"}, follow=True)
    assert "This has been removed already." in answer.content.decode()


def test_a_story_is_neither_added_nor_edited() -> None:
    story = make_story(people.alice())
    for staff in (people.community(), people.admin()):
        client = console(staff)
        assert client.get(f"{STORIES}add/").status_code == 403
        assert client.post(f"{STORIES}add/", {"caption": "Mine"}).status_code == 403
        assert client.post(f"{STORIES}{story.pk}/change/", {"caption": "Mine"}).status_code == 403
        assert "caption" not in fields(client.get(f"{STORIES}{story.pk}/change/"))
    story.refresh_from_db()
    assert story.caption == "Sunrise"


@pytest.mark.parametrize("who", ["compliance", "access", "support"])
def test_other_desks_are_refused_at_every_address(who: str) -> None:
    story = make_story(people.alice())
    client = console(getattr(people, who)())
    own = f"{STORIES}{story.pk}/"
    for address in (STORIES, f"{own}change/", f"{own}delete/", f"{own}history/", f"{own}file/", f"{own}restore/"):
        answer = client.get(address)
        assert answer.status_code == 403
        assert "Can view story" in answer.content.decode()
        assert client.post(address, {"post": "yes"}).status_code == 403
    assert select_and_delete(client, story, post="yes").status_code == 403
    assert Story.objects.active().exists()


def test_a_grant_on_one_story_opens_that_story_alone() -> None:
    alice = people.alice()
    theirs, other = make_story(alice, "Granted"), make_story(alice, "Withheld")
    helper = people.make_staff("helper")
    assign_perm("delete_story", helper, theirs)
    client = console(helper)
    page = client.get(STORIES).content.decode()
    assert "Granted" in page
    assert "Withheld" not in page
    assert client.get(f"{STORIES}{other.pk}/change/").status_code == 404
    assert client.post(f"{STORIES}{other.pk}/delete/", {"post": "yes"}).status_code == 404
    select_and_delete(client, theirs, other, post="yes")
    assert list(Story.objects.active()) == [other]


def test_the_right_to_see_one_story_is_not_the_right_to_remove_it() -> None:
    story = make_story(people.alice())
    helper = people.make_staff("helper")
    assign_perm("view_story", helper, story)
    client = console(helper)
    assert client.get(f"{STORIES}{story.pk}/change/").status_code == 200
    assert client.post(f"{STORIES}{story.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{STORIES}{story.pk}/restore/").status_code == 403
    assert select_and_delete(client, story, post="yes").status_code == 403
    # Delete on another row brings the action into the list, and still does not open this one.
    assign_perm("delete_story", helper, make_story(people.bob()))
    assert select_and_delete(client, story, post="yes").status_code == 403
    assert Story.objects.active().count() == 2


def test_looking_at_the_picture_needs_the_right_and_is_written_down() -> None:
    story = make_story(people.alice())
    community = people.community()
    answer = console(community).get(f"{STORIES}{story.pk}/file/")
    assert b"".join(answer.streaming_content) == PNG
    assert answer["Content-Type"] == "image/png"
    entry = Entry.objects.get(verb=Action.VIEWED)
    assert (entry.actor, entry.target_type, entry.target_id) == (community, "stories.story", str(story.pk))


def test_a_picture_is_looked_at_as_a_whole_or_not_at_all() -> None:
    story = make_story(people.alice())
    piece = console(people.community()).get(f"{STORIES}{story.pk}/file/", headers={"Range": "bytes=1-"})
    assert (piece.status_code, b"".join(piece.streaming_content)) == (200, PNG)
    assert Entry.objects.filter(verb=Action.VIEWED).count() == 1


def test_pieces_of_a_film_are_a_look_too_wherever_they_begin() -> None:
    story = make_story(people.alice(), media_type="video/mp4")
    client, address = console(people.community()), f"{STORIES}{story.pk}/file/"
    for start in (1, 5, 9):
        client.get(address, headers={"Range": f"bytes={start}-"})
    assert Entry.objects.filter(verb=Action.VIEWED).count() == 1
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        client.get(address, headers={"Range": "bytes=5-"})
    assert Entry.objects.filter(verb=Action.VIEWED).count() == 2


def test_the_table_shows_small_pictures_veiled_and_asked_for_once_they_are_seen() -> None:
    picture, film = make_story(people.alice()), make_story(people.bob(), media_type="video/mp4")
    freed = make_story(people.carol(), freed_at=timezone.now())
    community = people.community()
    client = console(community)
    page = client.get(STORIES).content.decode()
    assert f'<img src="{STORIES}{picture.pk}/file/?small" alt="Image" width="40" height="40" loading="lazy"' in page
    assert "veil story-thumb is-blurred is-grey" in page
    for other in (film, freed):
        assert f"{STORIES}{other.pk}/file/" not in page
    assert not Entry.objects.filter(verb=Action.VIEWED).exists()
    prefer(community, blur_pictures=False, grey_pictures=False)
    assert "is-blurred" not in client.get(STORIES).content.decode()


def test_a_small_picture_is_drawn_once_written_down_and_gone_with_its_story(monkeypatch: pytest.MonkeyPatch) -> None:
    story = make_story(people.alice())
    with story.content_file.open("wb") as file:
        file.write(drawn.picture("JPEG", (800, 400)))
    client = console(people.community())
    small = f"{STORIES}{story.pk}/file/?small"
    answer = client.get(small)
    assert Image.open(BytesIO(answer.content)).size == (160, 80)
    assert "no-store" in answer["Cache-Control"]
    monkeypatch.delattr(renditions, "render_page")
    assert client.get(small).content == answer.content, "not drawn again"
    assert Entry.objects.filter(verb=Action.VIEWED, target_id=str(story.pk)).count() == 2
    assert console(people.access()).get(small).status_code == 403
    folder = f"renditions/{story.content_file.name}"
    assert default_storage.exists(folder)
    Story.objects.filter(pk=story.pk).update(expires_at=timezone.now())
    assert free_expired() == 1
    assert not default_storage.exists(folder)
    assert client.get(small).status_code == 404


def test_images_are_not_reported_missing_while_storage_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: Any) -> None:
        raise OSError("away")

    story, client = make_story(people.alice()), console(people.community())
    address = f"{STORIES}{story.pk}/file/"
    with monkeypatch.context() as broken:
        broken.setattr(FileSystemStorage, "open", away)
        broken.setattr(FileSystemStorage, "size", away)
        for place in (address, f"{address}?small"):
            assert client.get(place).status_code == 503
    story.content_file.delete(save=False)
    for place in (address, f"{address}?small"):
        assert client.get(place).status_code == 404


def test_pictures_are_veiled_as_each_person_likes_it() -> None:
    picture, film = make_story(people.alice()), make_story(people.bob(), media_type="video/mp4")
    community = people.community()
    client = console(community)
    for story in (picture, film):
        page = client.get(f"{STORIES}{story.pk}/change/").content.decode()
        assert 'class="veil is-blurred is-grey" tabindex="0"' in page
    prefer(community, blur_pictures=False)
    assert 'class="veil is-grey"' in client.get(f"{STORIES}{film.pk}/change/").content.decode()
    prefer(community, grey_pictures=False)
    assert "veil" not in client.get(f"{STORIES}{film.pk}/change/").content.decode().split("<main")[1]
    other = console(people.make_staff("other", "Community Manager"))
    assert "is-blurred" in other.get(f"{STORIES}{film.pk}/change/").content.decode()


def test_a_film_is_played_piece_by_piece() -> None:
    story = make_story(people.alice(), media_type="video/mp4")
    client = console(people.community())
    address = f"{STORIES}{story.pk}/file/"
    piece = client.get(address, headers={"Range": "bytes=4-9"})
    assert piece.status_code == 206
    assert piece["Content-Range"] == f"bytes 4-9/{len(PNG)}"
    assert b"".join(piece.streaming_content) == PNG[4:10]
    rest = client.get(address, headers={"Range": "bytes=60-"})
    assert b"".join(rest.streaming_content) == PNG[60:]
    assert client.get(address, headers={"Range": "bytes=9000-"}).status_code == 416


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("active", {"Sunrise", "Noon"}),
        ("expired", {"Yesterday"}),
        ("removed", {"Offence"}),
        ("held", {"Noon"}),
        ("odd", None),
    ],
)
def test_stories_are_narrowed_down_by_state(state: str, shown: set[str] | None) -> None:
    alice = people.alice()
    everything = {"Sunrise", "Noon", "Yesterday", "Offence"}
    make_story(alice, "Sunrise")
    make_story(alice, "Noon", held=True)
    make_story(alice, "Yesterday", hours_old=25)
    community = people.community()
    select_and_delete(console(community), make_story(alice, "Offence"), post="yes")
    page = console(community).get(STORIES, {"state": state}).content.decode()
    assert {caption for caption in everything if caption in page} == (shown or everything)


def test_stories_are_found_by_author_and_number() -> None:
    story = make_story(people.alice(), "Hers")
    make_story(people.bob(), "His")
    client = console(people.community())
    for term in ("ALICE", "lic", str(story.pk)):
        page = client.get(STORIES, {"q": term}).content.decode()
        assert "Hers" in page
        assert "His" not in page


def test_a_page_of_stories_takes_the_same_queries_however_full_it_is(django_assert_num_queries: Any) -> None:
    client = console(people.community())
    make_story(people.alice())
    client.get(STORIES)
    for number in range(9):
        with django_assert_num_queries(11):
            client.get(STORIES)
        make_story(people.make_user(f"author{number}"))
