"""The turns of stories, in short words. The server that plays them is `tests/model_server`."""

from typing import Any

from tests.model_server.script import Call, Say, Turn
from tests.model_server.server import ModelServer

__all__ = ["Call", "Say", "StoryModel", "Turn", "edit", "shell", "submit", "write"]

StoryModel = ModelServer


def shell(command: str) -> Call:
    return Call("shell", {"command": command})


def edit(path: str, old: str, new: str) -> Call:
    return Call("edit", {"path": path, "old_string": old, "new_string": new})


def write(path: str, content: str) -> Call:
    return Call("write_file", {"path": path, "content": content})


def submit(outcome: str = "fixed", **more: Any) -> Call:
    return Call("submit", {"outcome": outcome, "title": "Add, not subtract", "summary": "Why.", **more})
