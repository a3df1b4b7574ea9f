"""The lists that the sweep reads page by page: of failed deliveries, and of comments."""

from contextlib import closing
from dataclasses import replace

from bot.forge.deliveries import CommentPage
from tests.forge.conftest import NAME, World


def failed(world: World, count: int) -> list[int]:
    """As many failed deliveries as GitHub lists; their numbers, newest first."""
    world.server.seed.set_webhook(world.app_id, "http://127.0.0.1:9/webhook", "a secret")
    world.server.seed.open_issue(NAME, "ada", "Sums", "They are wrong.")
    assert world.server.seed.wait_idle()
    hub = world.server.hub
    with hub.lock:
        model = hub.courier.deliveries[-1]
        made = [replace(model, id=hub.new_id("delivery"), guid=hub.new_guid()) for _ in range(count - 1)]
        hub.courier.deliveries.extend(made)
        return [one.id for one in reversed(hub.courier.deliveries) if one.status_code >= 400]


def test_failed_deliveries_are_read_page_by_page_and_dated_by_githubs_clock(world: World) -> None:
    wanted = failed(world, 230)
    hook, found, sizes, cursor = world.forge.deliveries(), [], [], ""
    while True:
        page = hook.fetch_failed(cursor)
        sizes.append(len(page.attempts))
        found += [one.id for one in page.attempts]
        assert abs(page.at - world.clock()) < 60.0
        cursor = page.rest
        if not cursor:
            break
    assert found == wanted
    assert sizes[:2] == [100, 100]


def test_an_edit_between_two_pages_of_comments_hides_no_other_comment(world: World) -> None:
    issue = world.server.seed.open_issue(NAME, "ada", "Sums", "They are wrong.")
    since = world.clock() - 60.0
    world.server.seed.comment(NAME, issue, "ada", "hi")
    hub, record = world.server.hub, world.server.hub.repository(NAME)
    assert record is not None
    comments = record.threads[issue].comments
    with hub.lock:
        for _ in range(149):
            world.clock.ahead += 1.0
            new, at = hub.new_id("comment"), hub.now()
            comments.append(replace(comments[-1], id=new, created_at=at, updated_at=at))
        wanted = {one.id for one in comments}
    world.clock.ahead += 1.0
    with closing(world.forge.mentions(world.installation)) as mentions:
        first = mentions.fetch_comments(NAME, since)
        with hub.lock:
            comments[50].updated_at = hub.now()
        assert first.rest is not None
        second = mentions.fetch_comments(NAME, first.rest)
        assert second.rest is None
    assert {one["id"] for one in (*first.comments, *second.comments)} == wanted


def test_comments_of_one_second_that_fill_a_page_do_not_stop_the_reading(world: World) -> None:
    issue = world.server.seed.open_issue(NAME, "ada", "Sums", "They are wrong.")
    world.server.seed.comment(NAME, issue, "ada", "hi")
    hub, record = world.server.hub, world.server.hub.repository(NAME)
    assert record is not None
    comments = record.threads[issue].comments
    with hub.lock:
        comments.extend(replace(comments[0], id=hub.new_id("comment")) for _ in range(120))
    since, pages = world.clock(), 0
    with closing(world.forge.mentions(world.installation)) as mentions:
        page = CommentPage((), since - 1.0)
        while page.rest is not None and pages < 9:
            page, pages = mentions.fetch_comments(NAME, page.rest), pages + 1
    assert page.rest is None
