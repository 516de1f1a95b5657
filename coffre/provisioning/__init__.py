"""From file to running service: the Pulumi engine, plan and apply."""

import os

# Programs are started by a fork of this process, in which gRPC (Pulumi's) must not restart its threads: they would find
# their files closed and end the child before its exec. The child replaces itself at once and needs no gRPC.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
# gRPC would connect to this computer through the operator's proxy.
os.environ["no_grpc_proxy"] = "127.0.0.1,localhost"  # noqa: SIM112 - its only spelling
