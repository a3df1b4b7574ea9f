"""What the agent harness costs beside the model: time, tokens, memory, and how it ends when the model or its server
goes wrong. Measured on `pullwright run` and, in turns with it, on a floor of thirty lines and on peers.

    python -m benchmarks.harness [--peers FOLDER] [--rounds 3] [--turns 200] [--tasks 4]
        [--only time,tokens,memory,faults,slow]

The model is a process that answers at once (`harness_model.py`). `--peers` names the folder into which mini-swe-agent,
Codex CLI and opencode are installed, if they are not there yet; without it only the floor stands beside us.

- time: the first request of a fresh process and of a warm worker, and a turn: from the last byte of a reply to the
  first of the next request, less what bash itself takes for the command. Medians over the turns around the tenth and
  the last of a run whose every output has 4 KB. "processor" is time on the processor, of the run as a whole, per turn:
  it is not moved by what else the machine does.
- tokens: bytes / 4 of all prompts of a run, and which part of them began as the request before did.
- memory: how much one more task takes in a worker, at the highest, while its commands print a gigabyte.
- faults: how many requests a fault that never ends is worth, and how the run ends.
- slow: the same for servers that say 429 or 500, and for silence: these wait in earnest, for minutes.
"""

import argparse
import functools
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness_memory import measure_worker
from benchmarks.harness_model import Asked, ModelProcess, Plan
from benchmarks.harness_peers import Harness, Ran, codex, floor, mini, opencode, ours, run
from tests.model_server.script import Fault

KIB = 1024
LIMIT_S = 400.0  # of a run that should end by itself at once, on a machine that others use as well
WAITING_LIMIT_S = 1_200.0  # of one that may wait for its server, or has many turns
AROUND = 5  # turns on each side of the one that is told

FAULTS = {
    "malformed call": Fault.BAD_ARGUMENTS,
    "unknown tool": Fault.UNKNOWN_TOOL,
    "empty reply": Fault.EMPTY,
    "refusal": Fault.REFUSAL,
    "prompt too long": Fault.OVERFLOW,
}
WAITS = {"429": Fault.RATE_LIMIT_BARE, "500": Fault.SERVER_ERROR}


@dataclass(frozen=True)
class Session:
    """One run of one harness against one plan."""

    ran: Ran
    asked: tuple[Asked, ...]

    @property
    def first_s(self) -> float:
        """From the start of the process to its first request."""
        return self.asked[0].arrived - self.ran.began if self.asked else float("nan")

    @property
    def gaps(self) -> list[float]:
        """Seconds from each reply to the next request: the harness's own and the command's."""
        pairs = zip(self.asked, self.asked[1:], strict=False)
        return [later.arrived - earlier.answered for earlier, later in pairs if not later.summary]

    @property
    def tokens(self) -> int:
        return sum(one.tokens for one in self.asked)

    @property
    def cached_share(self) -> float:
        return sum(one.cached for one in self.asked) / max(1, self.tokens)

    @property
    def broken(self) -> int:
        """Requests that do not begin with the one before: compactions, or worse."""
        return sum(one.cached < one.before for one in self.asked[1:])


@dataclass(frozen=True)
class Ground:
    """Where it all happens."""

    work: Path
    harnesses: tuple[Harness, ...]  # for runs of any kind
    long: tuple[Harness, ...]  # the same, for conversations that are longer than any task should be

    def clone(self) -> Path:
        """A fresh small repository, with a big file to read from."""
        repo = Path(tempfile.mkdtemp(dir=self.work, prefix="clone-")) / "repo"
        repo.mkdir()
        (repo / "calc.py").write_text("def add(a, b):\n    return a + b\n")
        lines = (
            f"{number:07d} what a program says, of which no line is like another\n"
            for number in range(12_000)
        )
        (repo / "material.txt").write_text("".join(lines))
        identity = ["-c", "user.name=b", "-c", "user.email=b@example.com"]
        for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "first"]):
            subprocess.run(["git", *command], cwd=repo, check=True)
        return repo

    def session(self, harness: Harness, plan: Plan, limit_s: float = LIMIT_S) -> Session:
        with ModelProcess(plan) as model:
            ran = run(harness.start(model.url, self.clone()), limit_s)
            return Session(ran, model.so_far())


def reading(size: int, number: int) -> str:
    """A command that prints so many bytes, others each time."""
    return f"tail -c +{number * 640 + 1} material.txt | head -c {size}"


def bash_s() -> float:
    """What bash alone takes for such a command."""
    took = []
    for _ in range(10):
        began = time.perf_counter()
        subprocess.run(["bash", "-c", "true | true"], check=True)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def row(name: str, values: Sequence[tuple[str, str]]) -> None:
    print(f"{name:44}" + "".join(f"  {who} {value}" for who, value in values), flush=True)


def spread(values: Sequence[float], scale: float, unit: str) -> str:
    """Median, least and most."""
    if not values:
        return "-"
    middle, low, high = (scale * one for one in (statistics.median(values), min(values), max(values)))
    return (
        f"{middle:.0f} {unit} ({low:.0f}..{high:.0f})"
        if high > 10
        else f"{middle:.2f} {unit} ({low:.2f}..{high:.2f})"
    )


def measure_times(ground: Ground, rounds: int, turns: int) -> None:
    """First requests and turns, a round of every harness after another."""
    plan = Plan(tuple(reading(4 * KIB, number) for number in range(turns)))
    found: dict[str, list[Session]] = {one.name: [] for one in ground.long}
    first: dict[str, list[float]] = {one.name: [] for one in ground.harnesses}
    bash: list[float] = []
    for _ in range(rounds):
        bash.append(bash_s())
        for harness in ground.harnesses:
            first[harness.name].append(ground.session(harness, Plan(plan.commands[:2])).first_s)
        for harness in ground.long:
            found[harness.name].append(ground.session(harness, plan, WAITING_LIMIT_S))
    own = statistics.median(bash)
    print(f"\n{turns} turns of 4 KB, {rounds} rounds; bash alone {1000 * own:.1f} ms, taken off each turn\n")
    many = list(found.items())
    row("fresh process: first request", [(n, spread(values, 1, "s")) for n, values in first.items()])
    for label, place in (("10", 10), (str(turns), turns)):
        values = [
            (n, spread([around(s, place) - own for s in ss if len(s.gaps) >= place - 1], 1000, "ms"))
            for n, ss in many
        ]
        row(f"turn {label}", values)
    row(
        "processor time a turn",
        [(n, spread([s.ran.cpu_s / len(s.asked) for s in ss], 1000, "ms")) for n, ss in many],
    )
    row("first prompt, tokens", [(n, f"{ss[0].asked[0].tokens:,}") for n, ss in many])
    row("of these tool schemas", [(n, f"{ss[0].asked[0].tool_tokens:,}") for n, ss in many])
    tell_tokens("50 turns of 4 KB", [(n, Session(ss[0].ran, ss[0].asked[:50])) for n, ss in many])
    tell_tokens(f"{turns} turns of 4 KB", [(n, ss[0]) for n, ss in many])


def around(session: Session, turn: int) -> float:
    gaps = session.gaps
    return statistics.median(gaps[max(0, turn - AROUND - 1) : turn + AROUND])


def tell_tokens(name: str, sessions: Sequence[tuple[str, Session]]) -> None:
    row(f"{name}: requests", [(n, f"{len(s.asked)}, exit {s.ran.code}") for n, s in sessions])
    row(f"{name}: tokens", [(n, f"{s.tokens / 1e6:.2f} M") for n, s in sessions])
    row(f"{name}: cacheable", [(n, f"{s.cached_share:.1%}") for n, s in sessions])
    row(f"{name}: prefix changed", [(n, f"{s.broken}×") for n, s in sessions])


def measure_tokens(ground: Ground, turns: int) -> None:
    """Long outputs, once: it is a count, not a time."""
    plan = Plan(tuple(reading(200 * KIB, number) for number in range(turns)))
    sessions = [(one.name, ground.session(one, plan, WAITING_LIMIT_S)) for one in ground.long]
    print()
    tell_tokens(f"{turns} turns of 200 KB", sessions)


def measure_faults(ground: Ground, faults: dict[str, Fault], limit_s: float, times: int = 1_000_000) -> None:
    print()
    for name, fault in faults.items():
        values = []
        for harness in ground.harnesses:
            session = ground.session(harness, Plan((), fault, times), limit_s)
            code = "killed" if session.ran.code is None else f"exit {session.ran.code}"
            values.append((harness.name, f"{len(session.asked)} in {session.ran.seconds:.0f} s, {code}"))
        row(f"{name}{' for ever' if times > 1 else ' once'}: requests", values)


@contextmanager
def open_ground(peers: Path | None) -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="harness-") as folder:  # on disk, as in earnest
        work = Path(folder)
        work.chmod(0o755)  # whoever runs in a sandbox has to pass
        (home := work / "home").mkdir()
        makers: tuple[Callable[[], Harness | None], ...] = (lambda: ours(home), lambda: floor(home))
        if peers is not None:
            makers = (*makers, *(functools.partial(make, home, peers) for make in (mini, codex, opencode)))
        harnesses = tuple(one for make in makers if (one := make()) is not None)
        yield Ground(work, harnesses, (ours(home, long=True), *harnesses[1:]))


def main(given: argparse.Namespace) -> None:
    parts = given.only.split(",")
    with open_ground(given.peers and given.peers.resolve()) as ground:
        if "time" in parts:
            measure_times(ground, given.rounds, given.turns)
        if "tokens" in parts:
            measure_tokens(ground, given.turns)
        if "memory" in parts:
            measure_worker(ground.work, ground.clone(), given.rounds, given.tasks)
        if "faults" in parts:
            measure_faults(ground, FAULTS, LIMIT_S)
        if "slow" in parts:
            measure_faults(ground, WAITS, WAITING_LIMIT_S)
            measure_faults(ground, {"silence": Fault.IDLE_STREAM}, WAITING_LIMIT_S, times=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--only", default="time,tokens,memory,faults")
    main(parser.parse_args())
