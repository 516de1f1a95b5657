#!/usr/bin/env python3
"""Reconstitue l'arborescence d'origine à partir de ce dossier : vrais noms, liens, droits, dates, attributs.

Usage : python3 retablir.py DOSSIER      (un dossier vide ou nouveau ; rien n'y est jamais écrasé)

Python 3.8 suffit, sans autre logiciel. Lancé par root, il rétablit aussi les propriétaires.
"""

import base64
import datetime
import json
import os
import sys

BAG = os.fsencode(os.path.dirname(os.path.abspath(__file__)))
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def exact(fields, name):
    """Rend un nom tel qu'il était, octet par octet."""
    encoded = fields.get(name + "_base64")
    return fields[name].encode() if encoded is None else base64.b64decode(encoded)


def entries():
    with open(os.path.join(BAG, b"entrees.jsonl"), encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def place(target, fields):
    """Rend l'emplacement d'une entrée sous le dossier voulu, jamais en dehors."""
    parts = exact(fields, "chemin").strip(b"/").split(b"/")
    if b".." in parts:
        raise SystemExit("entrees.jsonl contient un chemin qui sort du dossier : il a été modifié")
    return os.path.join(target, fields.get("instantane", "").encode(), *parts)


def nanoseconds(moment):
    whole, _, rest = moment.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    whole += rest[len(digits) :]
    if whole.endswith("Z"):
        whole = whole[:-1] + "+00:00"
    span = datetime.datetime.fromisoformat(whole) - EPOCH
    return (span.days * 86400 + span.seconds) * 10**9 + int(digits.ljust(9, "0") or 0)


def make(target, fields, first):
    """Crée une entrée ; rend False pour ce qu'aucun système ne recrée (périphériques, prises)."""
    path, kind = place(target, fields), fields["type"]
    if kind == "dir":
        os.makedirs(path, exist_ok=True)
    elif kind == "file":
        group = fields.get("lien_dur")
        if group in first:
            os.link(first[group], path)
            return True
        copy_sparse(os.path.join(BAG, fields["range_sous"].encode()), path)
        if group is not None:
            first[group] = path
    elif kind == "symlink":
        os.symlink(exact(fields, "cible"), path)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        return False
    return True


def copy_sparse(source, path):
    """Copie un fichier sans écrire ses longues suites de zéros."""
    with open(source, "rb") as given, open(path, "xb") as made:
        while True:
            block = given.read(1 << 20)
            if not block:
                break
            if block.count(0) == len(block):
                made.seek(len(block), os.SEEK_CUR)
            else:
                made.write(block)
        made.truncate()


def dress(path, fields):
    """Rétablit propriétaire, attributs, droits et date d'une entrée."""
    is_link = fields["type"] == "symlink"
    if os.geteuid() == 0:
        os.chown(path, fields["uid"], fields["gid"], follow_symlinks=False)
    for name, value in fields.get("attributs_base64", {}).items():
        try:
            os.setxattr(path, name, base64.b64decode(value), follow_symlinks=False)
        except (AttributeError, OSError):
            print("attribut non rétabli : " + name, file=sys.stderr)
    if not is_link:
        os.chmod(path, int(fields["mode"], 8))
    moment = nanoseconds(fields["modifie"])
    os.utime(path, ns=(moment, moment), follow_symlinks=False)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    target = os.fsencode(os.path.abspath(sys.argv[1]))
    if os.path.isdir(target) and os.listdir(target):
        raise SystemExit("ce dossier n'est pas vide : nommez-en un autre, rien n'est jamais écrasé")
    os.makedirs(target, exist_ok=True)
    first, skipped, folders, links = {}, 0, [], []
    for fields in entries():
        if fields["type"] == "symlink":
            links.append(fields)  # en dernier : rien ne doit être écrit à travers un lien
            continue
        if not make(target, fields, first):
            skipped += 1
        elif fields["type"] == "dir":
            folders.append(fields)
        else:
            dress(place(target, fields), fields)
    for fields in links:
        make(target, fields, first)
        dress(place(target, fields), fields)
    for fields in reversed(folders):
        dress(place(target, fields), fields)
    print("terminé" + (", %d entrées spéciales non recréées" % skipped if skipped else ""))


if __name__ == "__main__":
    main()
