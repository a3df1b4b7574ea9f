"""`go test` and `cargo test`: what they print goes to the report's file, and its end to people afterwards."""

import re
import shlex
from typing import Final

from bot.verify.command import (
    Adapter,
    CanaryFile,
    Rendered,
    TestCommand,
    add_arguments,
    call_pattern,
    split_call,
)
from bot.verify.reports.cargo import parse_cargo
from bot.verify.reports.go import parse_go

_GO: Final = call_pattern(r"go\s+test")
_CARGO: Final = call_pattern(r"cargo(?:\s+\+\S+)?\s+(?:test|t)")
_SHOWN: Final = 20_000  # bytes of the report that people see as output
_GO_PACKAGE: Final = re.compile(r"^package\s+(\w+)", re.MULTILINE)

_GO_HOME: Final = (
    "[ ! -d /env/go ] || export GOMODCACHE=/env/go/mod\n"
    "[ ! -d /env/go/build ] || cp -r --preserve=mode,timestamps /env/go/build /tmp/go-build"
)
"""A cache that can be written to: what the set-up compiled is copied, or each run compiles the standard library."""

_GO_CANARY: Final = (
    'package PACKAGE\n\nimport "testing"\n\n'
    'func TestNAME(t *testing.T) {\n\tt.Fatal("put in by the harness")\n}\n'
)
_RUST_CANARY: Final = (
    "\n\n#[cfg(test)]\nmod NAME {\n    #[test]\n    fn NAME() {\n"
    '        panic!("put in by the harness");\n    }\n}\n'
)


def _to_file(command: str, report_path: str, *, both: bool, home: str) -> str:
    """`home`: where the set-up left what it downloaded, if it ran."""
    path = shlex.quote(report_path)
    streams = f"> {path} 2>&1" if both else f"> {path}"
    return f"{home}\n( {command}\n) {streams}\ncode=$?\ntail -c {_SHOWN} -- {path}\nexit $code\n"


# -- go -----------------------------------------------------------------------------------------------------


def _render_go(test: TestCommand, report_path: str) -> Rendered:
    command = add_arguments(test.command, _GO, "-json -count=1")  # -count=1: never a result of an older run
    variables = {"GOPROXY": "off", "GOCACHE": "/tmp/go-build"}  # noqa: S108 - the sandbox's own, of this run only
    return Rendered(
        _to_file(command, report_path, both=False, home=_GO_HOME),
        {},
        variables,
    )


def _select_go(command: str, selection: tuple[str, ...]) -> str:
    """Files select their packages, ids their test function."""
    packages, names = [], []
    for one in selection:
        place, _, name = one.partition("::")
        if place.endswith(".go"):
            place = f"./{place.rpartition('/')[0]}".rstrip("/")
        packages.append(place)
        if name:
            names.append(re.escape(name.split("/")[0]))
    chosen = [*(["-run", f"^(?:{'|'.join(names)})$"] if len(names) == len(selection) else [])]
    parts = split_call(command, _GO)
    head, _, rest = parts if parts else (command, "", "")
    return f"{head} {shlex.join([*chosen, *dict.fromkeys(packages)])} {rest}".rstrip()


def _go_neighbour(name: str, paths: frozenset[str]) -> str | None:
    """The import path ends with the folder; the deepest such folder that has tests."""
    package = name.split("::")[0]
    tests = sorted(path for path in paths if path.endswith("_test.go"))
    folders = {path.rpartition("/")[0]: path for path in reversed(tests)}
    fitting = [folder for folder in folders if not folder or package.endswith(f"/{folder}")]
    return folders[max(fitting, key=len)] if fitting else None


def _go_canary(neighbour: str, text: str, token: str) -> CanaryFile | None:
    package = _GO_PACKAGE.search(text)
    if package is None:
        return None
    folder = neighbour.rpartition("/")[0]
    path = f"{folder}/{token}_test.go" if folder else f"{token}_test.go"
    name = token.capitalize()
    content = _GO_CANARY.replace("PACKAGE", package[1]).replace("NAME", name)
    return CanaryFile(path, content.encode(), f"test{token}")


# -- cargo --------------------------------------------------------------------------------------------------


def _render_cargo(test: TestCommand, report_path: str) -> Rendered:
    command = add_arguments(test.command, _CARGO, "--no-fail-fast")
    variables = {"CARGO_TERM_COLOR": "never", "CARGO_NET_OFFLINE": "true", "RUST_BACKTRACE": "0"}
    return Rendered(
        _to_file(command, report_path, both=True, home="[ ! -d /env/cargo ] || export CARGO_HOME=/env/cargo"),
        {},
        variables,
    )


def _select_cargo(command: str, selection: tuple[str, ...]) -> str:
    """Ids select by their exact name, `tests/x.rs` its target, any other file nothing: then the whole suite runs."""
    targets: list[str] = []
    names: list[str] = []
    for one in selection:
        place, _, name = one.partition("::")
        integration = re.fullmatch(r"(?:.*/)?tests/([^/]+)\.rs", place)
        if name:
            names.append(name)
        elif integration:
            targets += ["--test", integration[1]]
        else:
            return command
    if names and targets:
        return command
    parts = split_call(command, _CARGO)
    head, arguments, rest = parts if parts else (command, "", "")
    own = arguments.partition(" -- ")[0].removesuffix(" --")
    chosen = shlex.join([*targets, *(["--", "--exact", *names] if names else [])])
    return " ".join(part for part in (head, own, chosen, rest.strip()) if part)


def _rust_neighbour(name: str, paths: frozenset[str]) -> str | None:
    """The root file of the target, in the folder of its crate where several have one of that name."""
    place = name.split("::")[0].split(" - ")[0]
    crate, _, source = place.partition("/")
    fitting = sorted(path for path in paths if path == source or path.endswith(f"/{source}"))
    folder = crate.replace("_", "-")
    return next((path for path in fitting if f"/{folder}/" in f"/{path}"), fitting[0] if fitting else None)


def _rust_canary(neighbour: str, text: str, token: str) -> CanaryFile | None:
    """At the end of the target's own file: the same binary, and so the same process."""
    if not text:
        return None
    return CanaryFile(neighbour, (text.rstrip("\n") + _RUST_CANARY.replace("NAME", token)).encode(), token)


GO: Final = Adapter(
    is_call=lambda command: _GO.search(command) is not None,
    select=_select_go,
    render=_render_go,
    parse=parse_go,
    neighbour=_go_neighbour,
    canary=_go_canary,
)
CARGO: Final = Adapter(
    is_call=lambda command: _CARGO.search(command) is not None,
    select=_select_cargo,
    render=_render_cargo,
    parse=parse_cargo,
    neighbour=_rust_neighbour,
    canary=_rust_canary,
)
