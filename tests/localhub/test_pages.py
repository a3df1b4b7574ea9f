"""The pages, as a browser would ask for them."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from bot.localhub.pages import render_diff, render_markdown
from bot.localhub.server import HubServer
from bot.localhub.state import Hub

NAME = "octo/app"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    with HubServer(Hub(tmp_path / "hub", lambda: 1_790_000_000.0)) as server:
        server.seed.add_person("ada")
        server.seed.add_person("eve")
        server.seed.add_repository(NAME, {"app.py": b"x = 1\n"})
        server.seed.set_role(NAME, "ada", "write")
        server.seed.open_issue(
            NAME, "ada", "It <breaks>", "Since *today*. <!-- unseen --><script>alert(1)</script>"
        )
        yield server


@pytest.fixture
def browser(hub: HubServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=hub.url, trust_env=False) as client:
        yield client


def test_from_the_first_page_to_an_issue(browser: httpx2.Client) -> None:
    assert f'href="/{NAME}"' in browser.get("/").text
    assert f'href="/{NAME}/issues/1"' in browser.get(f"/{NAME}").text
    issue = browser.get(f"/{NAME}/issues/1")
    assert "It &lt;breaks&gt;" in issue.text
    assert "<em>today</em>" in issue.text
    assert "unseen" not in issue.text
    assert issue.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", ["/octo/nope", "/octo/app/issues/99", "/nope", "/octo/app/issues/x"])
def test_what_is_not_there_is_404(browser: httpx2.Client, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_a_person_comments_and_sees_it(browser: httpx2.Client, hub: HubServer) -> None:
    form = {"login": "ada", "body": "@agent fix this"}
    answer = browser.post(f"/{NAME}/issues/1/comment", data=form, headers={"origin": hub.url})
    assert answer.status_code == 303
    assert "@agent fix this" in browser.get(answer.headers["location"]).text
    assert [c["body"] for c in hub.seed.thread(NAME, 1)["comments"]] == ["@agent fix this"]


def test_other_sites_strangers_and_nothing_are_refused(browser: httpx2.Client, hub: HubServer) -> None:
    path, form = f"/{NAME}/issues/1/comment", {"login": "ada", "body": "x"}
    assert browser.post(path, data=form, headers={"origin": "http://evil.test"}).status_code == 403
    assert browser.post(path, data={**form, "login": "eve"}).status_code == 422
    assert browser.post(path, data={**form, "body": " "}).status_code == 422
    assert browser.post(path, content=b"x" * 200_000).status_code == 413
    assert hub.seed.thread(NAME, 1)["comments"] == []


def test_another_host_name_is_refused(browser: httpx2.Client) -> None:
    assert browser.get("/", headers={"host": "evil.test"}).status_code == 403


def test_details_fold_and_tables_show() -> None:
    html = render_markdown("<details><summary>More</summary>\n\n| a |\n|---|\n| b |\n\n</details>")
    assert "<details>" in html
    assert "<td>b</td>" in html


def test_diff_lines_have_their_kind() -> None:
    assert [kind for kind, _ in render_diff("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n c")] == [
        "hunk", "hunk", "hunk", "del", "add", "",
    ]  # fmt: skip
