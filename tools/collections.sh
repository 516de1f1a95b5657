#!/usr/bin/env bash
# Puts the one Ansible collection that Coffre needs, ansible.windows, where the venv's Ansible finds it. May be repeated.
# PyPI has it only inside `ansible` (55 MB); 2 MB of that are kept, once for all checkouts.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=$(sed -n 's/^ansible==\([0-9.]*\).*/\1/p' "$root/tools/collections.txt")
kept="$cache/collections-$version"
if [[ ! -d "$kept" ]]; then
  say "fetching the Ansible collection for Windows (55 MB, once)"
  building="$kept.building-$$"
  trap 'rm -rf "$building"' EXIT
  mkdir -p "$building/wheel"
  "$venv/bin/python" -m pip --disable-pip-version-check --quiet download --no-deps --require-hashes --only-binary :all: \
    --dest "$building/wheel" -r "$root/tools/collections.txt" ||
    fail "pip could not download ansible $version" "see its messages above"
  "$venv/bin/python" - "$building" <<'PYTHON'
import sys
import zipfile
from pathlib import Path

building = Path(sys.argv[1])
[wheel] = (building / "wheel").glob("*.whl")
with zipfile.ZipFile(wheel) as packed:
    wanted = [name for name in packed.namelist() if name.startswith("ansible_collections/ansible/windows/")]
    packed.extractall(building / "kept", wanted)
PYTHON
  # Another set-up may have been quicker.
  mv -T "$building/kept" "$kept" 2>/dev/null || [[ -d "$kept" ]] || fail "$kept could not be made"
fi
packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
ln -sfn "$kept/ansible_collections" "$packages/ansible_collections"
