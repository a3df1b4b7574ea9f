"""The client's library is loaded without its types, and lacks nothing that somebody asks for.

In processes of their own: here everything is loaded already.
"""

import subprocess
import sys


def _said(code: str) -> str:
    loaded = f"import sys; from bot.llm.library import load_library; load_library(); {code}"
    ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_few_of_the_librarys_modules_are_read() -> None:
    """An `import openai` reads over five hundred."""
    assert int(_said("print(sum(name.startswith('openai.') for name in sys.modules))")) < 150


def test_every_name_of_a_package_can_be_had() -> None:
    asked = (
        "import openai, importlib\n"
        "from openai.types.chat import ChatCompletion, completion_create_params\n"
        "from openai.types.responses import Response as one\n"
        "import openai.types.responses.response as home\n"
        "print(one is home.Response, completion_create_params.__name__, openai.types.Completion.__name__)"
    )
    assert _said(asked) == "True openai.types.chat.completion_create_params Completion"


def test_a_star_brings_the_whole_package() -> None:
    assert _said("from openai.types.beta import *; print('Thread' in globals())") == "True"


def test_what_is_not_there_is_not_there() -> None:
    asked = "print(*(hasattr(openai.types.chat, name) for name in ('Nothing', 'ChatCompletion')))"
    assert _said(f"import openai.types.chat; {asked}") == "False True"


def test_the_finder_goes_again() -> None:
    assert _said("print([one for one in sys.meta_path if type(one).__module__ == 'bot.llm.library'])") == "[]"


def test_a_client_works_with_what_was_read() -> None:
    """What it needs of the types it has: errors of each status, and a stream."""
    made = (
        "import openai, asyncio\n"
        "client = openai.AsyncOpenAI(api_key='none', base_url='http://127.0.0.1:9', max_retries=0)\n"
        "async def ask():\n"
        "    try:\n"
        "        await client.post('/x', cast_to=object, body={}, stream=True, stream_cls=openai.AsyncStream[object])\n"
        "    except openai.APIConnectionError as error:\n"
        "        print(type(error).__name__)\n"
        "asyncio.run(ask())"
    )
    assert _said(made) == "APIConnectionError"
