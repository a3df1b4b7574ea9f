"""The image of a development container, out of JSON with comments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.devcontainer import parse_devcontainer_image


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ('{"image": "registry.example/dev:1"}', "registry.example/dev:1"),
        ('// about\n{"name": "x", /* the */ "image": "a/b:c", // end\n}', "a/b:c"),
        ('{"name": "https://no // comment", "image": "a", }', "a"),
        ('{"build": {"dockerfile": "Dockerfile"}}', ""),
        ('{"image": 3}', ""),
        ("[]", ""),
        ("", ""),
        ("{" * 100_000, ""),
    ],
)
def test_the_image_is_read(text: str, image: str) -> None:
    assert parse_devcontainer_image(text) == image


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    assert isinstance(parse_devcontainer_image(text), str)
