"""What a merge has to keep: the outcomes of tests merged as files are, and what somebody did to it judged alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import RunPurpose, Tier
from bot.domain.ids import CommitSha, TreeSha
from bot.domain.repo_config import GateRule
from bot.repos.contract import Conflict, ConflictKind
from bot.sandbox.contract import NO_SETUP
from bot.verify.baseline import Baseline
from bot.verify.gate.contract import Policy
from bot.verify.merged import MergedSubject, find_hopeless, find_leftovers, merge_baselines
from bot.verify.subject import Subject
from bot.verify.verifier import Sides, Verifier
from tests.verify.bench import Case
from tests.verify.fakes import KEY, FolderSandbox

GREEN, RED, GONE = "green", "red", "gone"


def baseline(status: str, problem: str = "") -> Baseline:
    """Of one test, `t`."""
    some = frozenset({"t"})
    return Baseline(
        some if status == GREEN else frozenset(), some if status == RED else frozenset(), problem=problem
    )


@pytest.mark.parametrize(
    ("began", "ours", "theirs", "must_pass"),
    [
        (GREEN, GREEN, GREEN, True),
        (GREEN, GREEN, RED, False),  # the base branch broke it
        (GREEN, RED, GREEN, False),  # the branch did
        (RED, GREEN, RED, True),  # the branch mended it
        (RED, RED, GREEN, True),  # the base branch did
        (GONE, GREEN, GONE, True),  # the branch brought it
        (GONE, GONE, GREEN, True),
        (GONE, GREEN, RED, True),  # both brought it: one that works is there
        (GREEN, GREEN, GONE, False),  # somebody took it away
        (GREEN, GONE, GREEN, False),
        (RED, GONE, GREEN, True),  # taken away here, mended there
        (RED, RED, RED, False),
        (GONE, RED, GONE, False),  # was red on the branch already
    ],
)
def test_what_one_side_changed_holds(began: str, ours: str, theirs: str, must_pass: bool) -> None:
    merged = merge_baselines(baseline(began), baseline(ours), baseline(theirs))
    assert ("t" in merged.passing) is must_pass


STATUSES = st.sampled_from([GREEN, RED, GONE])


@given(STATUSES, STATUSES, STATUSES)
def test_the_sides_are_equals_and_a_known_red_test_is_no_new_one(began: str, ours: str, theirs: str) -> None:
    merged = merge_baselines(baseline(began), baseline(ours), baseline(theirs))
    turned = merge_baselines(baseline(began), baseline(theirs), baseline(ours))
    assert (merged.passing, merged.failing) == (turned.passing, turned.failing)
    if RED in (ours, theirs):
        assert "t" in merged.passing | merged.failing
    if GREEN not in (ours, theirs):
        assert not merged.passing


def test_a_side_that_could_not_be_measured_has_no_say() -> None:
    theirs = baseline(GREEN)
    assert merge_baselines(baseline(GREEN), baseline(GONE, "no"), theirs).passing == theirs.passing
    flaky = replace(baseline(GONE), flaky=frozenset({"t"}))
    assert merge_baselines(baseline(GREEN), flaky, theirs).passing == frozenset()


def test_a_marker_that_neither_side_has_is_a_leftover() -> None:
    sides = {"a.rst": b"Title\n=======\n<<<<<<< as git writes it\n", "b.py": b"x = 1\n"}
    assert find_leftovers({"a.rst": sides["a.rst"], "b.py": b"x = 2\n"}, sides) == ()
    for left in (b"<<<<<<< main\n", b"=======\n", b"||||||| before both\n", b">>>>>>> x\n"):
        (fault,) = find_leftovers({"b.py": b"x = 2\n" + left}, sides)
        assert fault.startswith("`b.py` still holds conflict markers")
    assert find_leftovers({"a.rst": sides["a.rst"] + b"=======\n"}, sides), "one more than before"


def test_what_only_a_person_can_settle_is_named() -> None:
    texts = (".github/workflows/ci.yml", "AGENTS.md", "db/1.sql", "a.py")
    conflicts = (
        Conflict("a.png", ConflictKind.NO_TEXT),
        *(Conflict(path, ConflictKind.MARKED) for path in texts),
    )
    said = find_hopeless(conflicts, Policy(protected=("db/",)))
    assert [one.split("`")[1] for one in said] == [
        "a.png",
        ".github/workflows/ci.yml",
        "AGENTS.md",
        "db/1.sql",
    ]
    allowed = Policy(frozenset({GateRule.CI, GateRule.INSTRUCTIONS}))
    assert len(find_hopeless(conflicts, allowed)) == 1


# -- the verifier of a merge ----------------------------------------------------------------------------------

BEGAN = "def add(a, b):\n    return a - b\n\n\ndef one():\n    return 1\n"
OURS = BEGAN.replace("a - b", "a + b")
THEIRS = BEGAN.replace("return 1", "return 1.0")
BOTH = OURS.replace("return 1", "return 1.0")
TEST = "from app import add, one\n\n\ndef test_{0}():\n    assert {1}\n"
TEST_SUM, TEST_ONE = TEST.format("sum", "add(1, 2) == 3"), TEST.format("one", "isinstance(one(), float)")
MARKED = "<<<<<<< feature\nx\n||||||| before both\ny\n=======\nz\n>>>>>>> main\n"


class Merging:
    """A branch with a mended sum, a base branch with another `one`; each has a test of it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        case.base = {
            "app.py": BEGAN,
            "tests/test_old.py": TEST.format("old", "add(0, 0) == 0"),
            "notes": "n\n",
        }
        self.began = case.changed()
        self.ours = case.changed(app_py=OURS, tests__test_sum_py=TEST_SUM)
        self.theirs = case.changed(app_py=THEIRS, tests__test_one_py=TEST_ONE)
        self.start = self.tree(app_py=BOTH)

    def tree(self, **files: str | None) -> TreeSha:
        """Of the whole merge; None: a file that is not there."""
        whole = {"tests__test_sum_py": TEST_SUM, "tests__test_one_py": TEST_ONE, **files}
        return self.case.changed(**{name: text for name, text in whole.items() if text is not None})

    def verifier(self, start: TreeSha | None = None, *conflicts: str) -> Verifier:
        found = tuple(Conflict(path, ConflictKind.MARKED) for path in conflicts)
        merged = MergedSubject(self.ours, start or self.start, found)
        made = self._on(self.theirs)
        made.subject = replace(made.subject, merged=merged)
        made.sides = Sides(self._on(self.ours), self._on(self.began))
        return made

    def _on(self, tree: TreeSha) -> Verifier:
        test = self.case.verifier().subject.test
        sandbox = FolderSandbox(self.case.root / "sandbox")
        return Verifier(self.case.repos, sandbox, Subject(KEY, CommitSha("c" * 40), tree, test, NO_SETUP))


@pytest.mark.falsify
async def test_the_merge_is_proven_on_the_other_side(tmp_path) -> None:
    merging = Merging(Case(tmp_path, {}))
    evidence = await merging.verifier().verify(merging.start)
    assert evidence.tier in (Tier.A, Tier.B), evidence.reason
    assert [proof.test_id for proof in evidence.proofs] == ["tests/test_sum.py::test_sum"]
    assert evidence.base_tree == merging.theirs
    purposes = {run.purpose: run.tree for run in evidence.runs}
    assert purposes[RunPurpose.BEFORE_MERGE] == merging.ours
    assert purposes[RunPurpose.BEGAN] == merging.began


@pytest.mark.falsify
async def test_a_branch_that_can_not_be_set_up_has_no_say_and_it_is_said(tmp_path) -> None:
    merging = Merging(Case(tmp_path, {}))
    verifier = merging.verifier()
    verifier.sides = Sides(None, None)
    evidence = await verifier.verify(merging.start)
    assert evidence.tier in (Tier.A, Tier.B), evidence.reason
    assert any("before the merge could not be measured (its set-up fails)" in note for note in evidence.notes)


@pytest.mark.falsify
@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"app_py": OURS}, "1 test that passed before fails now."),  # the other side's change is lost
        ({"app_py": THEIRS}, "1 test that passed before fails now."),  # our own is
        ({"app_py": BOTH, "tests__test_sum_py": None}, "1 test that passed before is not run any more."),
    ],
)
async def test_what_either_side_could_has_to_be_there_still(
    tmp_path, files: dict[str, str | None], reason: str
) -> None:
    merging = Merging(Case(tmp_path, {}))
    evidence = await merging.verifier().verify(merging.tree(**files))
    assert (evidence.tier, evidence.reason) == (Tier.D, reason)


async def test_the_gate_looks_at_what_was_done_to_the_merge_only(tmp_path) -> None:
    merging = Merging(Case(tmp_path, {}))
    start = merging.tree(app_py=BOTH, notes=MARKED)
    gate = merging.verifier(start, "notes").check_gate
    assert await gate(start) == ("`notes` still holds conflict markers: settle what stands between them.",)
    settled = merging.tree(app_py=BOTH, notes="x and z\n")
    assert await gate(settled) == (), "what both sides brought is nobody's fault here"
    (fault,) = await gate(merging.tree(app_py=BOTH + "\nbreakpoint()\n", notes="x and z\n"))
    assert "breakpoint()" in fault
    (fault,) = await gate(merging.tree(app_py=BOTH, notes="x and z\n", tests__test_sum_py=None))
    assert "Tests were removed" in fault
