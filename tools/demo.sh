#!/usr/bin/env bash
# The first act: from two tenant files to a verified restore, with the commands that an engineer would type.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

tenant=boulangerie-martin
machine=compta-01
host=compta-01.martin.example
restored=.coffre/demo/restored

say() { printf '\n== %s\n' "$*"; }
run() { printf '\n$ %s\n' "$*"; "$@"; }
on_machine() { ssh -F .coffre/lab/ssh_config "$host" "$@"; }

say "The embedded platform: a one-node Ceph with its S3 gateway, and the machines of the two example tenants"
run coffre lab up

say "Who may open the secrets, and is every file right?"
run coffre secrets init
run coffre check

say "What would change, then the change itself: storage by Pulumi, agents by Ansible"
run coffre plan --all
run coffre apply --all --yes

say "A user's files on $machine"
on_machine 'mkdir -p "/home/claire/Comptabilité 2026" && cd "/home/claire/Comptabilité 2026" &&
  for month in 01 02 03; do seq 1 20000 >"ventes-$month.csv"; done && head -c 20000000 /dev/urandom >photos.tar'

say "A backup now, what is true afterwards, and a drill"
run coffre backup "$tenant"
run coffre status
run coffre drill "$tenant" --machine "$machine"

say "A restore, compared with the machine file by file"
rm -rf "$restored"
run coffre restore "$tenant" --machine "$machine" --path /home --to "$restored"
list='find home -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum'
if ! diff <(on_machine "cd / && $list") <(cd "$restored" && bash -c "$list"); then
  echo "demo: the restored files differ from those on $host" >&2
  exit 1
fi
echo "every restored file is the same as on $host"

cat <<EOF

== What to look at, what to try next (first: export PATH="\$PWD/.venv/bin:\$PATH")
  the customer's file              tenants/$tenant.yaml: change its quota, then coffre plan $tenant
  the same facts for a program     coffre status --json
  the machine itself               ssh -F .coffre/lab/ssh_config $host systemctl list-timers coffre-backup.timer
  the platform                     coffre lab status
  a file that disappears           mv tenants/atelier-durand.yaml /tmp; coffre plan --all     (refused: nothing is deleted)
  the end                          make demo-down                                          (its data stays in .coffre/)
EOF
