"""The pure decisions: split, blame, tiers, detection, signatures."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import RunPurpose, RunRecord, TestStatus, Tier
from bot.domain.ids import RepoPath, TreeSha
from bot.errors import SettingsFault
from bot.repos.contract import FileMode, TreeChange
from bot.verify.baseline import decide_baseline
from bot.verify.detect_python import detect_pip_setup, detect_test_command
from bot.verify.prove import decide_blame, find_proofs, find_untellable
from bot.verify.report import TestReport, TestResult
from bot.verify.runners import NO_TESTS, Runner
from bot.verify.signature import is_genuine, make_signer, parse_signer, read_old_signer
from bot.verify.split import is_infrastructure, is_selectable, is_test_path, split_change
from bot.verify.tiers import Findings, decide_tier

PASSED = TestReport({"t": TestResult(TestStatus.PASSED)})
FAILED = TestReport({"t": TestResult(TestStatus.FAILED, message="assert 1 == 2")})
ERROR = TestReport({"t": TestResult(TestStatus.ERROR)})
EMPTY = TestReport(problem="no test ran")


@pytest.mark.parametrize(
    ("path", "yes"),
    [
        ("pytest.py", True),
        ("src/pytest.py", True),
        ("unittest/__init__.py", True),
        ("conftest.py", True),
        ("deep/conftest.py", True),
        ("evil.pth", True),
        ("tests/unittest/test_a.py", False),
        ("app/pytest.py", False),
        ("quiet-1.0.dist-info/entry_points.txt", True),
        ("src/quiet.egg-info/entry_points.txt", True),
        ("__pycache__/app.cpython-311.pyc", True),
        (".pytest.toml", True),
        ("app.py", False),
    ],
)
def test_what_can_change_the_runner(path: str, yes: bool) -> None:
    assert is_infrastructure(path) is yes


@pytest.mark.parametrize(
    ("path", "yes"),
    [
        ("package.json", True),
        ("vitest.config.ts", True),
        ("jest.setup.js", True),
        ("src/setupTests.ts", True),
        ("tsconfig.base.json", True),
        (".cargo/config.toml", True),
        ("crates/a/build.rs", True),
        ("src/__mocks__/fs.js", True),
        ("node_modules/chai/index.js", True),
        ("vendor/github.com/x/assert/assert.go", True),
        ("vitest.workspace.ts", True),
        ("preset/jest-preset.js", True),
        (".babelrc.json", True),
        ("build/addon.node", True),
        ("src/setup.js", False),
        ("src/build.py", False),
        ("docs/jest.md", False),
    ],
)
def test_what_can_change_the_runner_of_other_languages(path: str, yes: bool) -> None:
    assert is_infrastructure(path) is yes


def test_what_is_a_test_in_other_languages() -> None:
    for path in (
        "a/b_test.go", "spec/user_spec.rb", "src/test/java/a/B.java", "a/BTest.php", "x/HTTPTests.cs", "test.js",
        "shop/tests.py", "web/a.test-d.ts", "golden/double.txt", "app/fixtures/users.json",
        "src/__snapshots__/a.snap", "pkg/testdata/x.golden", "ATest.kt",
    ):  # fmt: skip
        assert is_test_path(path), path
    for path in (
        "src/latest.js",
        "app/contest.rb",
        "Testing.md",
        "src/Attest.java",
        "protest.go",
        "src/snapshots/take.py",
        "fixtures/loader.js",
        "a/testing.go.md",
    ):
        assert not is_test_path(path), path


def test_a_new_module_that_shadows_the_standard_library_is_machinery() -> None:
    def change(path: str, old: str | None) -> TreeChange:
        mode = FileMode.REGULAR
        return TreeChange(RepoPath(path), mode if old else None, old, mode, "b")

    new, changed, deep = change("random.py", None), change("calendar.py", "a"), change("shop/random.py", None)
    assert split_change((new, changed, deep)).infrastructure == (new,)
    loaded, own, part = (
        change("pygments.py", None),
        change("src/attrs/__init__.py", "a"),
        change("src/attrs/b.py", None),
    )
    assert split_change((loaded, own, part)).infrastructure == (loaded,)
    beside, below = change("tests/statistics.py", None), change("tests/shop/json.py", None)
    assert split_change((beside, below)).infrastructure == (beside,)
    wanted = change("requirements/dev.txt", "a")
    assert split_change((wanted,)).infrastructure == (wanted,)


@pytest.mark.parametrize("command", ["bash run.sh pytest", "./run.sh pytest", "cd . && sh ./run.sh pytest"])
def test_a_file_that_the_test_command_names_is_machinery(command: str) -> None:
    script, test = (
        TreeChange(RepoPath(path), FileMode.REGULAR, "a", FileMode.REGULAR, "b")
        for path in ("run.sh", "tests/test_a.py")
    )
    assert split_change((script, test), command).infrastructure == (script,)
    assert split_change((test,), "pytest tests/test_a.py").infrastructure == ()


@pytest.mark.parametrize(
    ("path", "yes"),
    [("tests/test_a.py", True), ("tests/data.json", False), ("tests/conftest.py", False), ("a_test.go", True),
     ("tests/__init__.py", False), ("app.py", False)],
)  # fmt: skip
def test_what_a_runner_can_be_given_by_name(path: str, yes: bool) -> None:
    assert is_selectable(path) is yes


def test_what_is_a_test() -> None:
    assert all(map(is_test_path, ("tests/data.json", "test_a.py", "app/a_test.py", "web/a.spec.ts")))
    assert not any(map(is_test_path, ("app.py", "contest.py", "latest/app.py")))


@pytest.mark.parametrize(
    ("base", "patch", "blamed"),
    [
        ((PASSED,) * 3, (FAILED,) * 3, True),
        ((PASSED,) * 3, (PASSED, FAILED, PASSED), True),
        ((PASSED,) * 3, (PASSED,) * 3, False),
        ((PASSED, FAILED, PASSED), (FAILED,) * 3, False),
        ((FAILED,) * 3, (FAILED,) * 3, True),  # needs another test before it: alone it tells nothing
        ((EMPTY,) * 3, (EMPTY,) * 3, True),  # could not be selected
    ],
)
def test_who_is_to_blame(base: tuple[TestReport, ...], patch: tuple[TestReport, ...], blamed: bool) -> None:
    assert decide_blame(base, patch, "t") is blamed


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ((FAILED, FAILED), (PASSED,) * 3, 1),
        ((FAILED, PASSED), (PASSED,) * 3, 0),
        ((FAILED, FAILED), (PASSED, PASSED, FAILED), 0),
        ((ERROR, ERROR), (PASSED,) * 3, 0),
        ((FAILED, FAILED), (EMPTY,) * 3, 0),
        ((), (PASSED,) * 3, 0),
    ],
)
def test_what_is_a_proof(before: tuple[TestReport, ...], after: tuple[TestReport, ...], count: int) -> None:
    assert len(find_proofs(before, after)) == count


@pytest.mark.parametrize(
    ("message", "proves"),
    [
        ("ImportError: cannot import name 'triple' from 'app'", False),
        ("ModuleNotFoundError: No module named 'new'", False),
        ("AttributeError: module 'app' has no attribute 'triple'", False),
        ("TypeError: (0 , _app.triple) is not a function", False),
        ("Error: Cannot find module './new'", False),
        ("AttributeError: 'NoneType' object has no attribute 'x'", True),
        ("TypeError: callback is not a function", True),
        ("AssertionError: ImportError was not raised", True),
        ("AttributeError: <module 'app' from '/workspace/app.py'> does not have the attribute 'X'", False),
        ("AttributeError: <module 'app' from '/workspace/app.py'> has no attribute 'X'", False),
        (
            "AttributeError: 'Sums' object has no attribute 'add'\n\ntests/test_sums.py:5: AttributeError",
            False,
        ),
        (
            "AttributeError: type object 'Sums' has no attribute 'add'\n\ntests/test_a.py:5: AttributeError",
            False,
        ),
        (
            "AttributeError: 'Sums' object has no attribute 'add'\n\nt/test_a.py:5: \napp.py:9: AttributeError",
            True,
        ),
        ("AttributeError: 'str' object has no attribute 'items'\n\ntests/test_a.py:5: AttributeError", True),
        ("TypeError: triple is not a function\n    at Test.x (file:///workspace/new.test.js:3:9)\n", False),
        ("TypeError: app.triple is not a function\n    at Object.<x> (/workspace/new.test.js:3:9)\n", False),
        ("TypeError: rows.map is not a function\n    at Object.<x> (/workspace/new.test.js:3:9)\n", True),
        (
            "TypeError: cb is not a function\n    at add (/workspace/app.js:3:9)\n    at /workspace/a.test.js:1:2",
            True,
        ),
    ],
)
def test_what_was_not_there_before_proves_nothing(message: str, proves: bool) -> None:
    before = TestReport({"t": TestResult(TestStatus.FAILED, message=message)})
    assert bool(find_proofs((before,), (PASSED,))) is proves
    assert bool(find_untellable((before,), (PASSED,))) is not proves


@given(
    st.builds(
        Findings, st.booleans(), st.booleans(), st.text(), *[st.integers(0, 2)] * 5, st.sampled_from(("", "x")),
        st.sampled_from(((), ("doubt",))), st.booleans(),
    )
)  # fmt: skip
def test_only_a_clean_proof_is_tier_a(found: Findings) -> None:
    tier, reason = decide_tier(found)
    clean = not (found.regressions or found.missing or found.skipped or found.new_failures or found.problem)
    proven = found.measured and found.runner_reports and found.proofs > 0 and not found.doubts
    assert (tier is Tier.A) == (clean and proven)
    assert reason.endswith(".") or found.doubts


def test_a_baseline_that_changes_its_mind_is_flaky() -> None:
    row = RunRecord(RunPurpose.BASELINE, TreeSha("a"), "pytest", 0, "exit", 1.5, 1, 0, 0, 0, "")
    assert decide_baseline((PASSED, FAILED), (row, row)).flaky == {"t"}
    assert decide_baseline((PASSED, PASSED), (row, row)).passing == {"t"}
    assert decide_baseline((PASSED, EMPTY), (row, row)).problem == "no test ran"


@given(st.text())
def test_any_manifest_is_read_without_a_crash(text: str) -> None:
    names = ("pyproject.toml", "setup.cfg", "tox.ini", "tests/test_a.py")
    texts = dict.fromkeys(names, text)
    detect_pip_setup(names, texts, detect_test_command(names, texts))


@pytest.mark.parametrize("text", ["tool = 1", "project = 1", "[project]\ndynamic = 1", "a = " + "[" * 20_000])
def test_manifests_of_the_wrong_shape(text: str) -> None:
    texts = {"pyproject.toml": text}
    detect_pip_setup(("pyproject.toml",), texts, detect_test_command(("pyproject.toml",), texts))


def test_dependency_groups_that_include_one_another() -> None:
    many = ", ".join(['{include-group = "dev"}', '{include-group = "a"}'] * 40)
    text = f'[dependency-groups]\ndev = ["one", {many}]\na = ["two", {many}]\n'
    found = detect_pip_setup(("pyproject.toml",), {"pyproject.toml": text}, NO_TESTS)
    assert found is not None
    assert found.script.endswith("pip install one two")


def test_a_project_of_the_standard_library_needs_no_set_up() -> None:
    paths = ("app.py", "tests/__init__.py", "tests/test_app.py")
    texts = {"tests/test_app.py": "from unittest import TestCase\n"}
    test = detect_test_command(paths, texts)
    assert (test.runner, test.command) == (Runner.UNITTEST, "python3 -m unittest")
    assert detect_pip_setup(paths, texts, test) is None


def test_pytest_is_installed_where_it_is_the_runner() -> None:
    text = "[project]\nname = 'x'\n[project.optional-dependencies]\ntest = ['pytest']\n"
    test = detect_test_command(("pyproject.toml",), {"pyproject.toml": text})
    found = detect_pip_setup(("pyproject.toml",), {"pyproject.toml": text}, test)
    assert found is not None
    assert "python3 -m venv /env" in found.script
    assert "-e '.[test]' pytest" in found.script


def test_a_signature_is_over_exactly_these_bytes() -> None:
    record = b'{"format":1}'
    signer, other = make_signer(), make_signer()
    signature, public = signer.sign(record), signer.public
    assert is_genuine(public, record, signature)
    assert not is_genuine(public, record + b" ", signature)
    assert not is_genuine(public, record, b"[]")
    assert not is_genuine(other.public, record, signature)
    assert parse_signer(signer.export(), "a file").sign(record) == signature
    assert "PRIVATE" not in f"{signer!r}"


def test_any_of_several_public_keys_will_do() -> None:
    record, one, other = b"{}", make_signer(), make_signer()
    both = one.public + other.public.replace(b"\n", b"\r\n") + b"\n"  # as somebody has saved them
    for signer in (one, other):
        assert is_genuine(both, record, signer.sign(record))
        assert not is_genuine(both, record + b" ", signer.sign(record))
    assert not is_genuine(both, record, make_signer().sign(record))
    assert not is_genuine(b"", record, one.sign(record))
    assert not is_genuine(both.replace(b"M", b"?"), record, one.sign(record))


def test_a_key_that_a_host_had_by_itself_is_read_and_one_that_is_none_is_named(tmp_path: Path) -> None:
    assert read_old_signer(tmp_path / "none") is None
    signer, private = make_signer(), tmp_path / "evidence.pem"
    private.write_bytes(signer.export())
    assert (read := read_old_signer(tmp_path)) is not None
    assert read.id == signer.id
    private.write_bytes(b"no key")
    with pytest.raises(SettingsFault, match=r"evidence\.pem holds no key"):
        read_old_signer(tmp_path)
