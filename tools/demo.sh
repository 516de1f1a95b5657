#!/usr/bin/env bash
# Three acts, with the commands that an engineer would type: from two tenant files to a verified restore; the first tenant
# fills up and is told; the second one leaves, its data comes back, all of it is erased, and a certificate says so.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

tenant=boulangerie-martin
machine=compta-01
host=compta-01.martin.example
restored=.coffre/demo/restored
leaver=atelier-durand
leaver_host=atelier-01.durand.example
depart=$PWD/.coffre/demo/depart
keys=$PWD/.coffre/demo/cles
full=$PWD/.coffre/demo/plein

say() { printf '\n== %s\n' "$*"; }
run() { printf '\n$ %s\n' "$*"; "$@"; }
on_machine() { ssh -F .coffre/lab/ssh_config "$host" "$@"; }
# commit PERSON MESSAGE: what stands in the departure's repository, signed by somebody's key.
commit() {
  git -C "$depart" add --all
  git -C "$depart" -c user.name="$1" -c user.email="$1@smileo.example" -c gpg.format=ssh \
    -c user.signingkey="$keys/$1" commit --quiet -S -m "$2"
}
certificate() { find .coffre/documents -path "*/$leaver-*/certificat-*.pdf" 2>/dev/null | head -n 1; }

# A tenant whose departure is closed never comes back: its act was played.
tenants=(--all)
[[ -z "$(certificate)" ]] || tenants=("$tenant")

say "The embedded platform: a Ceph with its S3 gateway, and the machines of the two example tenants"
run coffre lab up

say "Who may open the secrets, and is every file right?"
run coffre secrets init
run coffre check

say "What would change, then the change itself: storage by Pulumi, agents by Ansible"
run coffre plan "${tenants[@]}"
run coffre apply "${tenants[@]}" --yes

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

# A repository of its own, with a mail server on this computer: what is applied there is taken back at the end.
fill() {
  say "The second act: the space is full. Supervision closes the gate and tells the customer, in French"
  rm -rf "$full" && mkdir -p "$full"
  cp -r platform.yaml tenants "$full" && ln -s "$PWD/.coffre" "$full/.coffre"
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  python3 -u -m aiosmtpd --nosetuid --listen "127.0.0.1:$port" >"$full/mails.txt" 2>&1 &
  # shellcheck disable=SC2064 # the number of this server, now
  trap "kill $!" EXIT
  sed -i "s/^# mail: .*/mail: {host: 127.0.0.1, port: $port, security: none, sender: exploitation@smileo.example}/" \
    "$full/platform.yaml"
  sed -i 's/^  quota: 200 GiB/  quota: 10 MiB  /' "$full/tenants/$tenant.yaml"
  printf '%s\n' .coffre mails.txt >"$full/.gitignore"
  git -C "$full" init --quiet
  git -C "$full" add --all
  git -C "$full" -c user.name=anna -c user.email=anna@smileo.example commit --quiet -m "A small quota, and a mail server"
  cd "$full"
  run coffre apply "$tenant" --yes --storage-only
  run coffre supervise
  run coffre messages list
  run coffre messages show "$(coffre messages list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[-1]["id"])')"
  run coffre why "$tenant"

  say "The quota that would do for a year, and the ordered one again: the gate opens"
  run coffre quota suggest "$tenant"
  cd "$OLDPWD"
  run coffre apply "$tenant" --yes --storage-only
  cd "$full"
  run coffre supervise
}

list_projects='cd / && find srv -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum'

leave() {
  say "The third act: $leaver leaves. What it has on its server, and a last backup"
  ssh -F .coffre/lab/ssh_config "$leaver_host" 'sudo sh -c "mkdir -p \"/srv/Cuisine Bérard/plans\" &&
    seq 1 20000 >\"/srv/Cuisine Bérard/devis.csv\" && ln -sf ../devis.csv \"/srv/Cuisine Bérard/plans/devis\""'
  run coffre backup "$leaver"
  before=$(ssh -F .coffre/lab/ssh_config "$leaver_host" "sudo sh -c '$list_projects'")

  say "Two people, each with a key of their own, and the file that says whose keys count"
  rm -rf "$depart" .coffre/demo/disque "$keys" && mkdir -p "$depart" .coffre/demo/disque && mkdir -m 700 "$keys"
  cp -r platform.yaml tenants "$depart" && ln -s "$PWD/.coffre" "$depart/.coffre"
  [[ ! -d known_hosts ]] || cp -r known_hosts "$depart"
  printf '%s\n' .coffre >"$depart/.gitignore"
  # On the embedded platform names would be enough; here everything is signed, as on a real one.
  sed -i 's/^  # identities: /  identities: /' "$depart/platform.yaml"
  local person
  for person in anna paul; do
    run ssh-keygen -q -t ed25519 -N "" -C "$person" -f "$keys/$person"
    echo "$person@smileo.example $(cut -d " " -f 1,2 "$keys/$person.pub")" >>"$depart/allowed_signers"
  done
  git -C "$depart" init --quiet
  commit anna "The two people whose keys count"
  (cd "$depart" && run coffre signers)

  say "Its letter has come: Anna writes the departure and signs the commit, Paul approves it"
  cat >>"$depart/tenants/$leaver.yaml" <<END

status: leaving
leaving:
  notice_on: $(date +%F)
  ends_on: $(date -d "+30 days" +%F)
  requested_by: Paul Durand, gérant
  approved_by: paul@smileo.example
  choice: return
  return: {format: files, to: {via: directory, path: $PWD/.coffre/demo/disque}}
END
  commit anna "Atelier Durand leaves"
  cd "$depart"
  day() {
    coffre offboard "$leaver" --plan --json 2>/dev/null |
      python3 -c "import json, sys; print(next(e['on'] for e in json.load(sys.stdin)['calendar']['entries'] if e['milestone'] == '$1'))"
  }
  run coffre offboard "$leaver" --plan
  run coffre offboard "$leaver" --approve --key "$keys/paul"
  served=$(day service_ends) erased=$(day erasure_from)
  frozen=$(date -d "$served + 1 day" +%F)

  say "The days go by (on the embedded platform they can be set): service, its end, the return"
  run coffre offboard "$leaver"
  run coffre offboard "$leaver" --today "$frozen" --yes
  returned=$(find "$OLDPWD/.coffre/demo/disque" -type d -path "*/data/*" -name srv -prune | head -n 1)
  if ! diff <(echo "$before") <(cd "$returned/.." && bash -c "${list_projects#cd / && }"); then
    echo "demo: the returned files differ from those on $leaver_host" >&2
    exit 1
  fi
  echo "every returned file is the same as on $leaver_host"

  say "The customer's signed receipt, then Paul erases on the first day, and Anna verifies"
  echo "reçu le $frozen, Paul Durand" >"$OLDPWD/.coffre/demo/recu-signe.txt"
  run coffre offboard "$leaver" --today "$frozen" --attest data_recovered \
    --document "$OLDPWD/.coffre/demo/recu-signe.txt" --dated "$frozen"
  run coffre offboard "$leaver" --today "$frozen" --yes
  run coffre offboard "$leaver" --today "$erased" --yes --key "$keys/paul"
  run coffre offboard "$leaver" --today "$erased" --verify --key "$keys/anna"
  run coffre offboard "$leaver" --today "$erased" --yes
  cd "$OLDPWD"
}

(fill)

if [[ -z "$(certificate)" ]]; then
  (leave)
else
  say "The third act was played: $leaver has left, and its certificate stays"
fi
run coffre certificate verify "$(certificate)"

cat <<EOF

== What to look at, what to try next (first: export PATH="\$PWD/.venv/bin:\$PATH")
  the customer's file              tenants/$tenant.yaml: change its quota, then coffre plan $tenant
  the same facts for a program     coffre status --json
  how all tenants are              coffre site .coffre/demo/site; then open .coffre/demo/site/index.html
  the machine itself               ssh -F .coffre/lab/ssh_config $host systemctl list-timers coffre-backup.timer
  the platform                     coffre lab status
  a file that disappears           mv tenants/$tenant.yaml /tmp; coffre plan $tenant     (refused: nothing is deleted)
  the certificate of the departure $(certificate)
  the end                          make demo-down                                          (its data stays in .coffre/)
EOF
