"""A process that speaks gRPC may fork: the child must become what it is to become, every time."""

import subprocess
import sys

SPAWN_MANY = """
import coffre.provisioning
import contextlib, grpc, os, pty
from concurrent import futures

for _ in range(60):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary("/a/b")(b"", timeout=5)
    except grpc.RpcError:
        server.stop(0)
    child, terminal = pty.fork()
    if child == 0:
        os.execv("/bin/echo", ["echo", "here"])
    said = b""
    with contextlib.suppress(OSError):  # at the child's end the terminal has none either
        while chunk := os.read(terminal, 100):
            said += chunk
    status = os.waitpid(child, 0)[1]
    os.close(terminal)
    assert (said.strip(), status) == (b"here", 0), said
"""


def test_a_forked_child_is_not_ended_by_grpc() -> None:
    """Without the setting in coffre/provisioning/__init__.py about one child in twenty dies before it runs anything."""
    done = subprocess.run([sys.executable, "-c", SPAWN_MANY], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
