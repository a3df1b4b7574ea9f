"""Answers that are asked for again and again (CI, files of schedules, newest comments): GitHub says in a few bytes that
one still holds, and does not count that request.

Only for what is polled. What decides whether something is written is read anew each time.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from bot.domain import limits
from bot.forge.answers import Answer, Request

ETAG: Final = "etag"


@dataclass
class KnownAnswers:
    """One for the process, safe for threads; the least used go first. `reader`: whose token asked. What one may read
    is never shown to another."""

    most: int = limits.KNOWN_ANSWERS
    most_characters: int = limits.KNOWN_ANSWER_CHARACTERS
    _kept: OrderedDict[str, Answer] = field(default_factory=OrderedDict, init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    def find(self, reader: str, request: Request) -> Answer | None:
        """What GitHub answered last, with its name for it in the header ETAG."""
        if request.verb != "GET":
            return None
        with self._turn:
            found = self._kept.get(_key(reader, request))
            if found is not None:
                self._kept.move_to_end(_key(reader, request))
            return found

    def keep(self, reader: str, request: Request, answer: Answer) -> None:
        """A good answer that GitHub has a name for; one that is too long is not kept."""
        if request.verb != "GET" or ETAG not in answer.headers or len(answer.text) > self.most_characters:
            return
        with self._turn:
            self._kept[_key(reader, request)] = answer
            self._kept.move_to_end(_key(reader, request))
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)


def _key(reader: str, request: Request) -> str:
    return repr((reader, request.path, sorted((request.query or {}).items())))
