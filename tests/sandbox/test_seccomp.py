"""The system-call filter: well-formed for each processor that has a table, refused for others."""

import struct

import pytest

from bot.errors import SandboxUnavailable
from bot.sandbox.seccomp import build_filter


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_of_the_filter_stays_inside(machine: str) -> None:
    program = build_filter(machine)
    instructions = list(struct.iter_unpack("<HBBI", program))
    assert len(instructions) < 4096  # the kernel's bound
    for index, (code, then, otherwise, _) in enumerate(instructions):
        if code & 7 == 5:
            assert index + 1 + max(then, otherwise) < len(instructions)
    assert instructions[-1] == (0x06, 0, 0, 0x7FFF0000)


def test_an_unknown_processor_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        build_filter("riscv64")
