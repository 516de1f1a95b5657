"""A machine's repository as a hostile machine may write it: any tree, any snapshot, with its own key and password.

It knows restic's format (doc/design.rst of restic): packs, index and snapshots, sealed with AES-CTR and Poly1305-AES.
"""

import base64
import hashlib
import json
import secrets
import struct
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from coffre.agents.restic.repository.new_repository import SealingKey

DIRECTORY, SYMLINK, DEVICE, FIFO, SETUID, CHARACTER = 1 << 31, 1 << 27, 1 << 26, 1 << 25, 1 << 23, 1 << 21
"""Go's bits of a mode, which restic stores."""
MOMENT = "2024-01-01T00:00:00Z"


class Forge:
    """Somebody with a machine's S3 key and password, at its bucket."""

    def __init__(self, s3: Any, bucket: str, password: str) -> None:
        self.s3, self.bucket = s3, bucket
        (name,) = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="restic/keys/")["Contents"]][:1]
        key = json.loads(s3.get_object(Bucket=bucket, Key=name)["Body"].read())
        salt, limit = base64.b64decode(key["salt"]), 256 << 20
        raw = hashlib.scrypt(password.encode(), salt=salt, n=key["N"], r=key["r"], p=key["p"], dklen=64, maxmem=limit)
        sealed = base64.b64decode(key["data"])
        opening = Cipher(algorithms.AES(raw[:32]), modes.CTR(sealed[:16])).decryptor()
        master = json.loads(opening.update(sealed[16:-16]))
        parts = (master["encrypt"], master["mac"]["k"], master["mac"]["r"])
        self._key = SealingKey(*(base64.b64decode(part) for part in parts))
        self._blobs: dict[str, tuple[str, bytes]] = {}
        self.written: list[str] = []

    def data(self, content: bytes) -> str:
        return self._blob("data", content)

    def tree(self, *nodes: "dict[str, Any] | str") -> str:
        """Store a folder's entries, as they are given; text stands for itself, whatever JSON it is."""
        parts = [each if isinstance(each, str) else json.dumps(each) for each in nodes]
        return self.raw_tree(('{"nodes":[' + ",".join(parts) + "]}\n").encode())

    def raw_tree(self, content: bytes) -> str:
        return self._blob("tree", content)

    def snapshot(self, tree: str, time: str = MOMENT, **more: object) -> str:
        """Store a snapshot of a tree and all that was made for it; returns its id."""
        packs = [self._pack(kind) for kind in ("data", "tree") if any(each == kind for each, _ in self._blobs.values())]
        self._sealed("index", json.dumps({"packs": packs}).encode())
        self._blobs = {}
        body = {"time": time, "tree": tree, "paths": ["/home"], "hostname": "forged", "username": "root", **more}
        return self._sealed("snapshots", json.dumps(body).encode())

    def wipe(self) -> None:
        """Take all of it away again, as if it had never been (with the owner's key)."""
        for key in self.written:
            listed = self.s3.list_object_versions(Bucket=self.bucket, Prefix=key)
            for each in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
                self.s3.delete_object(Bucket=self.bucket, Key=each["Key"], VersionId=each["VersionId"])

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        self.written.append(key)

    def _blob(self, kind: str, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        self._blobs[name] = (kind, content)
        return name

    def _pack(self, kind: str) -> dict[str, Any]:
        body, header, index = b"", b"", []
        for name, (of_kind, content) in self._blobs.items():
            if of_kind != kind:
                continue
            sealed = self._key.seal(content)
            index.append({"id": name, "type": kind, "offset": len(body), "length": len(sealed)})
            header += struct.pack("<BI", 0 if kind == "data" else 1, len(sealed)) + bytes.fromhex(name)
            body += sealed
        sealed = self._key.seal(header)
        body += sealed + struct.pack("<I", len(sealed))
        name = hashlib.sha256(body).hexdigest()
        self.put(f"restic/data/{name[:2]}/{name}", body)
        return {"id": name, "blobs": index}

    def _sealed(self, kind: str, content: bytes) -> str:
        body = self._key.seal(content)
        name = hashlib.sha256(body).hexdigest()
        self.put(f"restic/{kind}/{name}", body)
        return name


def node(name: str, kind: str, **more: object) -> dict[str, Any]:
    """Return an entry of a tree; ``name`` is written as it is, with restic's escapes if it has any."""
    times = dict.fromkeys(("mtime", "atime", "ctime"), MOMENT)
    return {"name": name, "type": kind, "mode": 0o644, **times, "uid": 0, "gid": 0, "content": None, **more}


def link(name: str, target: object) -> dict[str, Any]:
    return node(name, "symlink", mode=0o777 | SYMLINK, linktarget=str(target))


def folder(name: str, tree: str, mode: int = 0o755) -> dict[str, Any]:
    return node(name, "dir", mode=mode | DIRECTORY, subtree=tree)


def file(name: str, blob: str, size: int, **more: object) -> dict[str, Any]:
    return node(name, "file", content=[blob], size=size, **more)


BAIT, PAYLOAD = b"bait\n", b"* * * * * root id >/pwned\n"


def escaping_tree(forge: Forge, outside: object) -> str:
    """Return a tree that lists one name as a file, as a link to ``outside`` and as a folder.

    restic puts the folder's entries through the link: a set-user-ID file, a link, a device, and a link in place of
    `precious`; and gives the folder's mode to what the link leads to.
    """
    payload, bait = forge.data(PAYLOAD), forge.data(BAIT)
    twin = {"inode": 4242, "device_id": 7, "links": 2}
    inner = forge.tree(
        file("planted", payload, len(PAYLOAD), mode=0o755 | SETUID, **twin),
        link("link", "/etc/hostname"),
        node("null", "chardev", mode=0o666 | DEVICE | CHARACTER, device=(1 << 8) | 3),
        link("precious", "nothing"),
    )
    return forge.tree(
        file("a-source", payload, len(PAYLOAD), **twin),
        file("escape", bait, len(BAIT)),
        link("escape", outside),
        folder("escape", inner, 0o777),
    )


def unlinking_tree(forge: Forge, outside: object) -> str:
    """Return a tree that lists one name as a folder with a socket `precious`, then as a link to ``outside``."""
    inner = forge.tree(node("precious", "socket"))
    return forge.tree(folder("escape", inner), link("escape", outside), file("z", forge.data(BAIT), len(BAIT)))


def forged_report(tenant_id: str, machine: str, snapshot: str) -> tuple[str, bytes]:
    """Return the key and the body of a report of now that names a snapshot, with hashes of what is in it."""
    now = datetime.now(UTC)
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    samples = [
        {"path": path, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in (("/escape", BAIT), ("/a-source", PAYLOAD))
    ]
    report = {
        "version": 1, "tenant_id": tenant_id, "machine": machine, "run_id": secrets.token_hex(16), "started_at": at,
        "finished_at": at, "result": "success", "snapshot_id": snapshot, "generation_applied": 1, "samples": samples,
    }  # fmt: skip
    return f"reports/{now:%Y%m%dT%H%M%SZ}-forged.json", json.dumps(report).encode()
