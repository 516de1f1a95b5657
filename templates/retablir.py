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


class Tree:
    """Le dossier où tout est recréé, pas à pas : un chemin entier peut dépasser ce qu'un système ouvre."""

    def __init__(self, root):
        self.root = root
        self.here = None

    def enter(self, fields):
        """Se place dans le dossier d'une entrée, jamais hors de la racine ; rend le nom de l'entrée."""
        parts = [fields.get("instantane", "").encode(), *exact(fields, "chemin").split(b"/")]
        *folders, name = [part for part in parts if part not in (b"", b".")]
        if b".." in (*folders, name):
            raise SystemExit("entrees.jsonl contient un chemin qui sort du dossier : il a été modifié")
        if folders != self.here:
            self.here = None
            os.chdir(self.root)
            for folder in folders:
                if not os.path.isdir(folder):
                    os.mkdir(folder)
                os.chdir(folder)
            self.here = folders
        return name


def nanoseconds(moment):
    whole, _, rest = moment.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    whole += rest[len(digits) :]
    if whole.endswith("Z"):
        whole = whole[:-1] + "+00:00"
    try:
        span = datetime.datetime.fromisoformat(whole) - EPOCH
    except (ValueError, OverflowError):
        return None  # une date hors du calendrier
    return (span.days * 86400 + span.seconds) * 10**9 + int(digits.ljust(9, "0") or 0)


def make(tree, fields, first):
    """Crée une entrée ; rend False pour ce qui ne se recrée pas (périphériques, prises) ou n'a pu être remis."""
    name, kind = tree.enter(fields), fields["type"]
    if "non_remis" in fields:
        print("non remis : " + fields["chemin"], file=sys.stderr)
        return False
    if kind == "dir":
        if not os.path.isdir(name):
            os.mkdir(name)
    elif kind == "file":
        group = fields.get("lien_dur")
        if group not in first or not link(first[group], name):
            copy_sparse(os.path.join(BAG, fields["range_sous"].encode()), name)
        if group is not None and group not in first:
            first[group] = os.path.join(tree.root, *tree.here, name)
    elif kind == "symlink":
        os.symlink(exact(fields, "cible"), name)
    elif kind == "fifo":
        os.mkfifo(name)
    else:
        return False
    return True


def link(source, name):
    """Fait d'un fichier le même qu'un autre ; rend False quand le système refuse (trop de liens, chemin trop long)."""
    try:
        os.link(source, name)
    except OSError:
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
    try:
        os.utime(path, ns=(moment, moment), follow_symlinks=False)
    except (OSError, OverflowError, TypeError):
        print("date non rétablie : " + fields["modifie"], file=sys.stderr)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    target = os.fsencode(os.path.abspath(sys.argv[1]))
    if os.path.isdir(target) and os.listdir(target):
        raise SystemExit("ce dossier n'est pas vide : nommez-en un autre, rien n'est jamais écrasé")
    os.makedirs(target, exist_ok=True)
    tree, first, skipped, folders, links = Tree(target), {}, 0, [], []
    for fields in entries():
        if fields["type"] == "symlink":
            links.append(fields)  # en dernier : rien ne doit être écrit à travers un lien
            continue
        if not make(tree, fields, first):
            skipped += 1
        elif fields["type"] == "dir":
            folders.append(fields)
        else:
            dress(tree.enter(fields), fields)
    for fields in links:
        if make(tree, fields, first):
            dress(tree.enter(fields), fields)
        else:
            skipped += 1
    for fields in reversed(folders):
        dress(tree.enter(fields), fields)
    print("terminé" + (", %d entrées non recréées" % skipped if skipped else ""))


if __name__ == "__main__":
    main()
