"""Go and Rust, where they are on the machine."""

from bot.verify.runners import recognise
from tests.falsification.project import Patch, Play, code
from tests.verify.fakes import Files

GO: Files = {
    "go.mod": b"module calc\n\ngo 1.20\n",
    "calc.go": code(
        """
        package calc

        func Add(a, b int) int { return a - b }

        func Double(a int) int { return a * 2 }
        """
    ),
    "calc_test.go": code(
        """
        package calc

        import "testing"

        func TestDouble(t *testing.T) {
            if Double(2) != 4 {
                t.Fatal(Double(2))
            }
        }
        """
    ),
}
GO_PROOF: Files = {
    "add_test.go": code(
        """
        package calc

        import "testing"

        func TestAdd(t *testing.T) {
            if Add(1, 2) != 3 {
                t.Fatal(Add(1, 2))
            }
        }
        """
    )
}
GO_BREAKING = GO["calc.go"].replace(b"a - b", b"a + b").replace(b"a * 2", b"a * 3")


def go_main(body: str) -> bytes:
    return code(
        f"""
        package calc

        import (
            "os"
            "testing"
        )

        func TestMain(m *testing.M) {{
            {body}
            os.Exit(0)
        }}
        """
    )


RUST: Files = {
    "Cargo.toml": b'[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n',
    "src/lib.rs": b"pub fn add(a: i64, b: i64) -> i64 {\n    a - b\n}\n\n"
    b"pub fn double(a: i64) -> i64 {\n    a * 2\n}\n",
    "tests/old.rs": b"#[test]\nfn doubles() {\n    assert_eq!(calc::double(2), 4);\n}\n",
}
LOOSE = b"\n#[test]\nfn doubles() {\n    assert_eq!(double(2), 4);\n}\n"
RUST_PROOF: Files = {"tests/new.rs": b"#[test]\nfn adds() {\n    assert_eq!(calc::add(1, 2), 3);\n}\n"}
RUST_BREAKING = RUST["src/lib.rs"].replace(b"a - b", b"a + b").replace(b"a * 2", b"a * 3")


def go_play(name: str, patch: Patch) -> Play:
    return Play(name, patch, GO, recognise("go test ./...", "x"), needs="python/go/bin/go")


def rust_play(name: str, patch: Patch, base: Files = RUST) -> Play:
    return Play(name, patch, base, recognise("cargo test", "x"), needs="cargo")


COMPILED = [
    go_play("a TestMain that runs nothing", {**GO_PROOF, "main_test.go": go_main("_ = m")}),
    go_play("a TestMain that forgets what failed", {**GO_PROOF, "main_test.go": go_main("m.Run()")}),
    go_play(
        "an old test of Go behind a build tag",
        {**GO_PROOF, "calc.go": GO_BREAKING, "calc_test.go": b"//go:build slow\n\n" + GO["calc_test.go"]},
    ),
    rust_play(
        "an old test of Rust ignored",
        {
            **RUST_PROOF,
            "src/lib.rs": RUST_BREAKING,
            "tests/old.rs": RUST["tests/old.rs"].replace(b"#[test]", b"#[test]\n#[ignore]"),
        },
    ),
    rust_play(
        "an old test of Rust that should panic",
        {
            **RUST_PROOF,
            "src/lib.rs": RUST_BREAKING,
            "tests/old.rs": RUST["tests/old.rs"].replace(b"#[test]", b"#[test]\n#[should_panic]"),
        },
    ),
    rust_play(
        "tests of Rust without their runner",
        {
            **RUST_PROOF,
            "tests/new.rs": b'fn main() {\n    println!("running 1 test\\ntest adds ... ok\\n\\n'
            b'test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");\n}\n',
            "Cargo.toml": RUST["Cargo.toml"] + b'\n[[test]]\nname = "new"\nharness = false\n',
        },
    ),
    rust_play(
        "an old loose test of Rust rewritten with its code",
        {**RUST_PROOF, "src/lib.rs": RUST_BREAKING + LOOSE.replace(b", 4", b", 6")},
        {"Cargo.toml": RUST["Cargo.toml"], "src/lib.rs": RUST["src/lib.rs"] + LOOSE},
    ),
]
