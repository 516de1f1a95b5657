"""The process of moto's server, with what moto does otherwise than AWS put right: HOST [CERTIFICATE KEY]."""

import sys
import threading
from xml.etree import ElementTree

from moto.iam.access_control import PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response
from werkzeug.serving import WSGIRequestHandler, make_server

_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_list_object_versions = S3Response.list_object_versions


def list_in_order(response):
    """List versions and delete markers in one order, as S3 does: by key, newest first. Moto lists markers last."""
    status, headers, body = _list_object_versions(response)
    root = ElementTree.fromstring(body)  # noqa: S314 - moto's own
    listed = [each for each in root if each.tag.removeprefix(_NAMESPACE) in ("Version", "DeleteMarker")]
    for each in listed:
        root.remove(each)

    def text(entry, name):
        return entry.findtext(f"{_NAMESPACE}{name}") or entry.findtext(name) or ""

    listed.sort(key=lambda each: text(each, "LastModified"), reverse=True)
    listed.sort(key=lambda each: (text(each, "Key"), text(each, "IsLatest") != "true"))
    root.extend(listed)
    ElementTree.register_namespace("", _NAMESPACE.strip("{}"))
    return status, headers, ElementTree.tostring(root, encoding="unicode")


def main() -> None:
    S3Response.list_object_versions = list_in_order
    # Moto applies a bucket's policy to everybody and takes every condition as unmet: each Deny would refuse everything.
    FakeBucket.get_permission = lambda bucket, action, resource: PermissionResult.NEUTRAL
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    host, *tls = sys.argv[1:]
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server(host, 0, application, threaded=True, ssl_context=tuple(tls) or None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.port, flush=True)  # noqa: T201 - for the test
    sys.stdin.read()  # ends with the test


if __name__ == "__main__":
    main()
