"""Loads the client's library without its thousand types of requests and answers, of which we use none.

`import openai` reads every module below `openai.types`: three quarters of its second, and of its memory. We send and
read plain JSON. So while it is loaded the packages of its types are read by name: a package stands there empty, and
whoever wants a name of it gets the one module that its `__init__` takes it from. Nothing is replaced or left out: what
is asked for is there, and where a name can't be found so the whole package is read, as always.

Race: two threads load at once. Each has its own finder; the import's own lock makes one wait for the other.
"""

import ast
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

_TYPES: Final = "openai.types"


def load_library() -> None:
    """Load what a client needs: some 0.3 s, which a process that has to wait for other things can spend in a thread."""
    finder = _ByName()
    sys.meta_path.insert(0, finder)
    try:
        import httpx2  # noqa: F401
        import openai  # noqa: F401
    finally:
        sys.meta_path.remove(finder)


class _ByName(MetaPathFinder):
    """Finds the packages of types. Modules are left to those that come after it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `MetaPathFinder`."""
        if not f"{fullname}.".startswith(f"{_TYPES}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None or spec.submodule_search_locations is None:
            return None
        spec.loader = _Unread(spec.loader)
        return spec


class _Unread(Loader):
    """Leaves a package unread until a name is asked of it."""

    def __init__(self, whole: Loader) -> None:
        self._whole = whole

    def exec_module(self, module: ModuleType) -> None:
        """See `Loader`. A module's `__getattr__` is asked for what is not there (PEP 562)."""
        package, homes = module.__name__, dict[str, str]()

        def find(name: str) -> Any:
            if name.startswith("__") and name != "__all__":
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            if not homes:
                homes.update(_homes(self._whole, package))
            if name in homes:
                found = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
                return vars(module).setdefault(name, found)
            if importlib.util.find_spec(f"{package}.{name}") is not None:
                return importlib.import_module(f"{package}.{name}")
            self._whole.exec_module(module)
            vars(module).pop("__getattr__", None)
            return getattr(module, name)

        vars(module)["__getattr__"] = find


def _homes(loader: Loader, package: str) -> dict[str, str]:
    """Which module below it a package takes each name from. None of them where its text can't be had or is not
    plain `from .module import name as name`."""
    source = loader.get_source(package) if hasattr(loader, "get_source") else None
    statements = ast.parse(source or "").body
    return {
        name.name: one.module
        for one in statements
        if isinstance(one, ast.ImportFrom) and one.level == 1 and one.module
        for name in one.names
        if name.asname in (None, name.name)
    }
