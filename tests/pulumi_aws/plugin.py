"""The stand-in as a process: Pulumi's protocol on a port that it prints, over the resources."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any, TypeVar

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.pulumi_aws import STOP, STOPPED
from tests.pulumi_aws.resources import CALLS_AT_A_TIME, RESOURCES, Resource, Values, is_gone

VERSION = "7.51.1"
T = TypeVar("T")


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one run of the engine; an unknown type of resource fails in one line."""

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=False, acceptResources=False)

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Check(self, request: Any, context: Any) -> Any:
        _resource(request.urn, context)
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        old, new = _unpack(request.old_inputs), _unpack(request.news)
        differing = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        replacing = [name for name in differing if name in _resource(request.urn, context).replaces]
        kinds = provider_pb2.DiffResponse
        return kinds(
            changes=kinds.DIFF_SOME if differing else kinds.DIFF_NONE,
            diffs=differing,
            replaces=replacing,
            deleteBeforeReplace=bool(replacing),
        )

    def Create(self, request: Any, context: Any) -> Any:
        resource, values = _resource(request.urn, context), _unpack(request.properties)
        _stop(request.urn, "before")
        identity = _call(context, lambda: resource.make(values))
        _stop(request.urn, "after")
        outputs = _call(context, lambda: resource.outputs(values))
        return provider_pb2.CreateResponse(id=identity, properties=_pack(outputs))

    def Update(self, request: Any, context: Any) -> Any:
        resource, values = _resource(request.urn, context), _unpack(request.news)
        _call(context, lambda: resource.put(values))
        return provider_pb2.UpdateResponse(properties=_pack(resource.outputs(values)))

    def Read(self, request: Any, context: Any) -> Any:
        resource, given = _resource(request.urn, context), _unpack(request.inputs)
        try:
            found = resource.find(request.id)
        except ClientError as error:
            found = None if is_gone(error) else _abort(context, error)
        if found is None:
            return provider_pb2.ReadResponse()
        inputs = {name: value for name, value in found.items() if not given or name in given}
        return provider_pb2.ReadResponse(id=request.id, properties=_pack(resource.outputs(found)), inputs=_pack(inputs))

    def Delete(self, request: Any, context: Any) -> Any:
        resource, values = _resource(request.urn, context), _unpack(request.properties)
        try:
            resource.remove(values)
        except ClientError as error:
            if not is_gone(error):
                _abort(context, error)
        return empty_pb2.Empty()


def _resource(urn: str, context: Any) -> Resource:
    token = urn.split("::")[2].rsplit("$", 1)[-1]
    if token not in RESOURCES:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the stand-in for tests has no {token}")
    return RESOURCES[token]


def _call(context: Any, call: Callable[[], T]) -> T:
    try:
        return call()
    except (ClientError, BotoCoreError) as error:
        return _abort(context, error)


def _abort(context: Any, error: Exception) -> Any:
    context.abort(grpc.StatusCode.UNKNOWN, " ".join(str(error).split()))


def _stop(urn: str, moment: str) -> None:
    if os.environ.get(STOP) == f"{urn.rsplit('::', 1)[-1]}:{moment}":
        file = Path(os.environ[STOPPED])
        file.with_suffix(".new").write_text(f"{os.getpid()} {os.getppid()}", encoding="utf-8")
        file.with_suffix(".new").rename(file)
        threading.Event().wait()


def _unpack(struct: Any) -> Values:
    return {name: value for name, value in json_format.MessageToDict(struct).items() if not name.startswith("__")}


def _pack(values: Values) -> Any:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = grpc.server(futures.ThreadPoolExecutor(CALLS_AT_A_TIME))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Plugin(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 - Pulumi reads it
    server.wait_for_termination()


if __name__ == "__main__":
    main()
