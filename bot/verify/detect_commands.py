"""Finds the test commands of a repository in its own files, best first. Pure.

AGENTS.md, then the CI's workflows, then manifests. All are guesses: `choose.py` takes the first that yields a test on
the base tree. A command that the repository's file names is never asked for here.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from bot.verify.command import Runner, TestCommand
from bot.verify.detect_python import detect_test_command
from bot.verify.detect_python import manifest_paths as python_manifest_paths
from bot.verify.runners import recognise
from bot.verify.split import is_test_path

_MANIFESTS: Final = ("package.json", "go.mod", "Cargo.toml", "Makefile", "AGENTS.md", "manage.py")
_WORKFLOW: Final = re.compile(r"^\.github/workflows/[^/]+\.ya?ml$")
_WORKFLOWS_READ: Final = 10  # of one repository: tests are in the first few
_CANDIDATES: Final = 5  # each may cost a run of the suite
_CODE_SPAN: Final = re.compile(r"`([^`\n]{3,200})`")
_FENCE: Final = re.compile(r"^\s{0,3}(?:```|~~~)")
_PROMPT: Final = re.compile(r"^\s*\$\s+")
_VARIES: Final = re.compile(r"\$\{\{|\$\(|`|\\$|<<")
_TOOLS_OF: Final = (
    ("go.mod", "go test ./..."),
    ("Cargo.toml", "cargo test"),
    ("mvnw", "./mvnw -o test"),
    ("pom.xml", "mvn -o test"),
    ("gradlew", "./gradlew --offline test"),
    ("build.gradle", "gradle --offline test"),
    ("build.gradle.kts", "gradle --offline test"),
    ("phpunit.xml", "vendor/bin/phpunit"),
    ("phpunit.xml.dist", "vendor/bin/phpunit"),
)


def manifest_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The files whose texts the detection wants, of all the paths of a tree."""
    known = set(paths)
    workflows = [path for path in paths if _WORKFLOW.match(path)][:_WORKFLOWS_READ]
    mine = [path for path in _MANIFESTS if path in known]
    return tuple(dict.fromkeys((*python_manifest_paths(paths), *mine, *workflows)))


def detect_test_commands(paths: tuple[str, ...], texts: Mapping[str, str]) -> tuple[TestCommand, ...]:
    """At most five, each with its source; empty: nothing speaks for a test."""
    named = [
        recognise(command, source, texts=texts)
        for source, command in (*_agents_commands(texts), *_workflow_commands(texts))
    ]
    found = [one for one in named if one.runner is not Runner.EXIT_CODE]
    found += _manifest_commands(paths, texts)
    unique = {one.command: one for one in reversed(found)}
    return tuple(one for one in dict.fromkeys(found) if unique[one.command] == one)[:_CANDIDATES]


def _agents_commands(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Lines of code blocks and spans of code, in their order."""
    found, fenced = [], False
    for line in texts.get("AGENTS.md", "").splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        elif fenced:
            found.append(_PROMPT.sub("", line).strip())
        else:
            found += _CODE_SPAN.findall(line)
    return [("AGENTS.md", one) for one in found if one and not _VARIES.search(one)]


def _workflow_commands(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """The lines of every `run:`, except those that only the CI can fill in."""
    found = []
    for path in sorted(path for path in texts if _WORKFLOW.match(path)):
        for script in _runs_of(texts[path]):
            found += [(path, line.strip()) for line in script.splitlines() if not _VARIES.search(line)]
    return [(path, line) for path, line in found if line and not line.startswith("#")]


def _runs_of(text: str) -> list[str]:
    try:
        body: Any = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return []
    jobs = body.get("jobs") if isinstance(body, dict) else None
    steps = [
        step
        for job in (jobs.values() if isinstance(jobs, dict) else ())
        if isinstance(job, dict) and isinstance(job.get("steps"), list)
        for step in job["steps"]
    ]
    return [step["run"] for step in steps if isinstance(step, dict) and isinstance(step.get("run"), str)]


def _manifest_commands(paths: tuple[str, ...], texts: Mapping[str, str]) -> list[TestCommand]:
    found = []
    if "manage.py" in paths and "django" in texts.get("manage.py", "").lower():
        found.append(TestCommand(Runner.DJANGO, "python3 manage.py test", "manage.py"))
    python = detect_test_command(paths, texts)
    if python.runner is not Runner.NONE:
        found.append(python)
    script = recognise("npm test", "package.json", texts=texts)
    if script.runner is not Runner.EXIT_CODE:
        found.append(script)
    elif any(is_test_path(path) and path.endswith((".js", ".mjs", ".cjs")) for path in paths) and (
        "package.json" in paths
    ):
        found.append(TestCommand(Runner.NODE_TEST, "node --test", "package.json"))
    found += [recognise(command, path) for path, command in _TOOLS_OF if path in paths]
    return found
