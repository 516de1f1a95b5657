"""A local user who asks a Pulumi provider's port for another tenant's key: run as a script, as whoever is given.

    python tests/intruder.py UID PORT VICTIM KEY_ID

It prints what each request came to, as JSON: a gRPC code, or what was answered.
"""

import encodings.idna  # noqa: F401 -- while its files can still be read
import json
import os
import sys

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, provider_pb2, provider_pb2_grpc

SECRET = "chosen by somebody else entirely"
KEY_ID = "CHOSENBYSOMEBODYELSE"
SECONDS = 10


def main(uid: int, port: int, victim: str, key_id: str) -> None:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    urn = "urn:pulumi:stack::coffre::rgw:index:AccessKey::theirs"
    values = struct_pb2.Struct()
    values.update({"uid": victim, "access_key_id": KEY_ID, "secret_access_key": SECRET})
    known = struct_pb2.Struct()
    known.update({"uid": victim, "access_key_id": key_id, "secret_access_key": "x" * 20})
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    provider = provider_pb2_grpc.ResourceProviderStub(channel)
    program = language_pb2_grpc.LanguageRuntimeStub(channel)
    requests = {
        "create": lambda: provider.Create(provider_pb2.CreateRequest(urn=urn, properties=values), timeout=SECONDS),
        "read": lambda: provider.Read(provider_pb2.ReadRequest(urn=urn, id=key_id), timeout=SECONDS),
        "update": lambda: provider.Update(
            provider_pb2.UpdateRequest(urn=urn, id=key_id, olds=known, news=known), timeout=SECONDS
        ),
        "delete": lambda: provider.Delete(
            provider_pb2.DeleteRequest(urn=urn, id=key_id, properties=known), timeout=SECONDS
        ),
        "run": lambda: program.Run(language_pb2.RunRequest(monitor_address="127.0.0.1:1"), timeout=SECONDS),
    }
    sys.stdout.write(json.dumps({name: attempt(request) for name, request in requests.items()}))


def attempt(request) -> list[str]:
    try:
        return ["answered", str(request())]
    except grpc.RpcError as error:
        return [error.code().name, error.details()]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
