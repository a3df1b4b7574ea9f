"""How the receiver listens."""

import socket

from bot.cli.serve import open_listener


def test_answers_leave_at_once() -> None:
    """Without it each answer takes 40 ms more: the kernel holds its second half back."""
    with open_listener("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
