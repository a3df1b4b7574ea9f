"""One request and its answer over HTTP; every exception of the library becomes a `Failure`. Only for `client.py`."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import RetryLater
from bot.llm.contract import Trouble
from bot.llm.draft import Draft, JsonObject, StreamFailed, objects, string
from bot.llm.faults import Failure, parse_retry_after

if TYPE_CHECKING:
    import openai


@dataclass(frozen=True)
class Exchange:
    """`idle_s`: silence that ends a stream. `reply_s`: the longest that one whole reply may take."""

    _client: "openai.AsyncOpenAI"
    _idle_s: float
    _reply_s: float
    _now: Callable[[], float]

    async def send(self, path: str, body: JsonObject, draft: Draft) -> Failure | None:
        """Post and gather the stream into `draft`; None when the reply is whole."""
        failure = await self._guarded(self._stream(path, body, draft), draft)
        if failure is None or draft.so_far.finish is not None:
            draft.end()
        if draft.so_far.finish is not None:
            return None  # a server that says everything and then does not let go has said everything
        if failure is None and not draft.so_far.begun:
            return Failure(None, "", "the model's stream ended without a word", trouble=Trouble.EMPTY_STREAM)
        said = "the model's stream ended before the reply was whole"
        return failure or Failure(None, "", said, trouble=Trouble.CUT_STREAM)

    async def fetch(self, path: str) -> list[JsonObject] | Failure:
        """The entries of a listing."""
        found: list[JsonObject] = []

        async def get() -> None:
            answer = await self._client.get(path, cast_to=object)
            found.extend(objects(answer.get("data")) if isinstance(answer, dict) else [])

        return await self._guarded(get(), None) or found

    async def _stream(self, path: str, body: JsonObject, draft: Draft) -> None:
        import openai

        stream = await self._client.post(
            path, cast_to=object, body=body, stream=True, stream_cls=openai.AsyncStream[object]
        )
        async with stream:
            if "json" in stream.response.headers.get("content-type", ""):
                _take_whole(json.loads(await stream.response.aread()), draft)
            else:
                async for chunk in stream:
                    draft.add(chunk)
                    if draft.so_far.overlong:
                        draft.so_far.finish = draft.so_far.finish or "length"
                        break

    async def _guarded(self, work: Awaitable[None], draft: Draft | None) -> Failure | None:
        """Await `work`; whatever the library raises becomes a Failure."""
        import openai

        try:
            async with asyncio.timeout(self._reply_s):
                await work
        except TimeoutError as error:
            said = f"the model's reply took over {self._reply_s:g} s"
            return Failure(None, "", said, trouble=Trouble.SLOW, cause=error)
        except StreamFailed as error:
            return Failure(None, error.code, str(error), cause=error)
        except RetryLater as error:
            return Failure(None, "", str(error), trouble=Trouble.MALFORMED_CHUNK, cause=error)
        except openai.APIStatusError as error:
            after = parse_retry_after(dict(error.response.headers), self._now())
            param = string(error.param)
            return Failure(error.status_code, _code(error), _said(error), after, param, cause=error)
        except openai.APITimeoutError as error:
            said = (
                f"the model's server was silent for {self._idle_s:g} s; one that is that slow needs a longer "
                "PULLWRIGHT_MODEL_IDLE_S"
            )
            return Failure(None, "", said, trouble=Trouble.SILENCE, cause=error)
        except openai.APIConnectionError as error:
            said = f"the connection to the model's server failed: {error.__cause__}"
            begun = draft is not None and draft.so_far.begun
            trouble = Trouble.CUT_STREAM if begun else Trouble.CONNECTION
            return Failure(None, "", said, trouble=trouble, cause=error)
        except openai.APIError as error:
            return Failure(None, _code(error), _said(error), cause=error)
        except ValueError as error:  # the library parses each chunk as JSON, and bytes as UTF-8
            said = f"the model's server sent a malformed chunk: {error}"
            return Failure(None, "", said, trouble=Trouble.MALFORMED_CHUNK, cause=error)
        return None


def _take_whole(answer: object, draft: Draft) -> None:
    """An answer that is not streamed, although it was asked to be. An error may come with status 200."""
    draft.so_far.note(Trouble.NOT_STREAMED)
    if not isinstance(answer, dict):
        raise RetryLater("the model's server sent a malformed answer", 0.0)
    error = answer.get("error")
    if isinstance(error, dict):
        raise StreamFailed(str(error.get("code") or ""), string(error.get("message")))
    draft.add_whole(answer)


def _code(error: "openai.APIError") -> str:
    """The error's code; makers without codes say it in the type. Gateways send numbers."""
    return str(error.code or error.type or "")


def _said(error: "openai.APIError") -> str:
    """The server's own sentence without the library's wrapping."""
    body = error.body
    if isinstance(body, dict):
        said = [body[name] for name in ("message", "error", "detail") if isinstance(body.get(name), str)]
        return str(said[0]) if said else error.message
    return body if isinstance(body, str) and body.strip() else error.message
