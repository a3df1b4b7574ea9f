"""`pullwright verify`: what a person can check of an evidence file, from the file alone up to the whole proof."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cli.verify import Line, VerifyOptions, compare_again, run_verify
from bot.domain.evidence import Evidence, TestProof, Tier
from bot.domain.ids import CommitSha, TreeSha
from bot.errors import ForPerson
from bot.verify.evidence_file import compact_evidence, parse_evidence, render_evidence
from bot.verify.signature import PUBLIC_NAME, make_signer
from tests.falsification.project import CASE_PROOF, CASES, FIX
from tests.verify.fakes import Files

PROOF = TestProof("tests.test_add.Add.test_add", 2, 2, 3, 3, "AssertionError: -1 != 3")


def git(folder: Path, *words: str) -> str:
    named = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(folder))
    return subprocess.run(("git", *named, *words), check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, files: Files) -> tuple[str, str]:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")
    return git(folder, "rev-parse", "HEAD"), git(folder, "rev-parse", "HEAD^{tree}")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


@pytest.fixture
def options(tmp_path: Path, clone: Path) -> VerifyOptions:
    """Evidence of an honest fix, its signature and its key, and the clone that has both trees."""
    base, base_tree = commit(clone, CASES)
    _, patch_tree = commit(clone, {**FIX, **CASE_PROOF})
    evidence = Evidence(
        CommitSha(base), TreeSha(base_tree), TreeSha(patch_tree), Tier.A, "1 test failed before.", "unittest",
        "python3 -m unittest discover -s tests -t .", "none", proofs=(PROOF,),
    )  # fmt: skip
    return write(tmp_path, evidence, clone)


def write(folder: Path, evidence: Evidence, clone: Path) -> VerifyOptions:
    record = render_evidence(evidence)
    path = folder / "evidence.json"
    path.write_bytes(record)
    signer = make_signer()
    path.with_name("evidence.json.sig").write_bytes(signer.sign(record))
    path.with_name(PUBLIC_NAME).write_bytes(signer.public)
    return VerifyOptions(path, clone)


def test_a_genuine_file_and_its_trees(options: VerifyOptions, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verify(options) == 0
    said = capsys.readouterr().out
    assert "✓ signature" in said
    assert "✓ base: commit" in said
    assert "✓ change: 2 files differ" in said


def test_a_copy_that_ends_in_a_line_break_is_the_same(options: VerifyOptions) -> None:
    options.evidence.write_bytes(options.evidence.read_bytes() + b"\r\n")
    assert run_verify(options) == 0


def test_one_changed_letter(options: VerifyOptions, capsys: pytest.CaptureFixture[str]) -> None:
    options.evidence.write_bytes(options.evidence.read_bytes().replace(b"1 test failed", b"9 test failed"))
    assert run_verify(replace(options, again=True)) == 1  # and nothing is run by such a file
    said = capsys.readouterr().out
    assert "✗ signature: NOT by the key" in said
    assert "This evidence is not to be believed: signature: NOT by the key" in said
    assert "9 test" not in said
    assert "again" not in said


def test_without_a_key_nothing_is_claimed(options: VerifyOptions, capsys: pytest.CaptureFixture[str]) -> None:
    options.evidence.with_name(PUBLIC_NAME).unlink()
    assert run_verify(replace(options, repo=None)) == 0
    said = capsys.readouterr().out
    assert "? signature: not checked" in said
    assert "(Not checked: signature.)" in said
    assert run_verify(replace(options, repo=None, key=Path("/nowhere"))) == 1


def test_trees_that_are_not_there(options: VerifyOptions, capsys: pytest.CaptureFixture[str]) -> None:
    told = parse_evidence(options.evidence.read_bytes())
    write(options.evidence.parent, replace(told, patch_tree=TreeSha("1" * 40)), options.repo or Path())
    assert run_verify(options) == 1
    assert "tree 111111111111 is not in the clone" in capsys.readouterr().out
    write(options.evidence.parent, replace(told, base_tree=told.patch_tree), options.repo or Path())
    assert run_verify(options) == 1
    assert "has NOT the base tree" in capsys.readouterr().out


def test_a_linked_work_tree_will_do(options: VerifyOptions, tmp_path: Path) -> None:
    git(options.repo or Path(), "worktree", "add", "-q", str(tmp_path / "linked"))
    assert run_verify(replace(options, repo=tmp_path / "linked")) == 0


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 20_000, b'{"format": 1}', b'{"format": 1, "evidence": {}}']
)
def test_what_is_no_evidence(options: VerifyOptions, content: bytes) -> None:
    options.evidence.write_bytes(content)
    with pytest.raises(ForPerson, match="is no evidence"):
        run_verify(options)


def test_arguments_that_can_not_work(options: VerifyOptions, tmp_path: Path) -> None:
    with pytest.raises(ForPerson, match="can't be read"):
        run_verify(VerifyOptions(tmp_path / "none.json"))
    with pytest.raises(ForPerson, match="no git repository"):
        run_verify(replace(options, repo=tmp_path))
    with pytest.raises(ForPerson, match="needs a clone"):
        run_verify(replace(options, repo=None, again=True))


def test_the_compact_form_fits_and_says_what_it_is(options: VerifyOptions) -> None:
    told = parse_evidence(options.evidence.read_bytes())
    many = replace(told, failing_before=tuple(f"tests/test_{at}.py::test" for at in range(5_000)))
    text = compact_evidence(many, 60_000)
    assert 10_000 < len(text) <= 60_000
    with pytest.raises(ValueError, match="compact form"):
        parse_evidence(text.encode())
    assert compact_evidence(many, 10) == ""


def test_what_is_compared_when_it_is_run_again(options: VerifyOptions) -> None:
    told = parse_evidence(options.evidence.read_bytes())
    assert all(line.ok for line in compare_again(told, told))
    worse = replace(told, tier=Tier.D, proofs=(), regressions=("t",), reason="It broke.")
    assert compare_again(told, worse) == [
        Line(False, "again: tier D, told A: It broke."),
        Line(False, f"again: not proven this time: {PROOF.test_id}"),
        Line(False, "again: broken, and not told: t"),
    ]


@pytest.mark.falsify
def test_the_whole_proof_again(options: VerifyOptions, capsys: pytest.CaptureFixture[str]) -> None:
    """In the real sandbox, from the clone's objects alone."""
    assert run_verify(replace(options, again=True)) == 0, capsys.readouterr().out
    assert "✓ again: tier A, told A" in capsys.readouterr().out
    told = parse_evidence(options.evidence.read_bytes())
    write(
        options.evidence.parent, replace(told, base_tree=told.base_tree, tier=Tier.B), options.repo or Path()
    )
    assert run_verify(replace(options, again=True)) == 1
