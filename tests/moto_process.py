"""The process of moto's server, with what moto does otherwise than AWS put right: HOST [CERTIFICATE KEY]."""

import json
import sys
import threading
from pathlib import Path
from xml.etree import ElementTree

from moto.iam.access_control import IAMRequestBase, PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import FakeBucket, s3_backends
from moto.s3.responses import S3Response
from werkzeug.serving import WSGIRequestHandler, make_server

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.policy_evaluator import Decision, Request, evaluate

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


def check_permitted(request, resource):
    """Decide by the caller's own policies and the bucket's, by AWS's rules: moto knows no principal and no condition.

    Anybody may ask who it is, and is told that a bucket does not exist.
    """
    key, action = request._access_key, _ACTIONS.get(request._action, request._action)
    if action == "sts:GetCallerIdentity":
        return
    name = key._owner_user_name
    user, iam = request.backend.get_user(name), request.backend
    own = [json.loads(iam.get_user_policy(name, each)["policy_document"]) for each in iam.list_user_policies(name)]
    bucket = _find_bucket(request.account_id, resource) if action.startswith("s3:") else None
    if bucket is None and action.startswith("s3:") and action not in _WITHOUT_BUCKET:
        return
    document = json.loads(bucket.policy) if bucket is not None and bucket.policy else {}
    caller = f"arn:aws:iam::{request.account_id}:user{user.path}{name}"
    asked = Request(caller, action, resource, request.account_id)
    if evaluate(asked, document, own) is not Decision.ALLOWED:
        request._raise_access_denied()


_ACTIONS = {"s3:HeadBucket": "s3:ListBucket"}
"""Actions that moto names otherwise than AWS."""
_WITHOUT_BUCKET = ("s3:CreateBucket", "s3:ListAllMyBuckets")


def _find_bucket(account, resource):
    name = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
    return s3_backends[account]["aws"].buckets.get(name)


def main() -> None:
    IAMRequestBase.check_action_permitted = check_permitted
    S3Response.list_object_versions = list_in_order
    # Moto applies a bucket's policy to everybody, without its conditions: `check_permitted` does it by AWS's rules.
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
