"""What a worker loads with its first task: the server that lives are forked from has it, and none pays for it."""

import gc

import anyio._backends._asyncio  # noqa: F401
import dbos._sys_db_postgres
import dbos._sys_db_sqlite  # noqa: F401
import detect_secrets.core.scan
import httpcore2  # noqa: F401
import psycopg  # noqa: F401
import truststore  # noqa: F401

import bot.editing.edit
import bot.llm.chat_wire
import bot.llm.client
import bot.verify.harness  # noqa: F401
from bot.llm.library import load_library

load_library()
detect_secrets.core.scan.get_plugins()
gc.collect()
gc.freeze()  # or the first collection of each life copies every page of what was loaded
