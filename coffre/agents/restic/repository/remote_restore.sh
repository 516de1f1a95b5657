# Restores a snapshot on this machine with its own or received programs. Run by `sh -c` as root over SSH.
#
# Into a folder, coffre-agent restores: it keeps the folder open and runs restic in a cage. In place, restic runs alone.
# Standard input: access key id, secret key, repository password and certificate authorities (base64), one per line;
# then restic and the agent, if they are sent; then nothing, while the caller lives. Secrets are only in the
# environment: in no argument and no file. Exit codes from 80 on are those of this script and the agent, all others are
# restic's.
set -u
umask 077
ulimit -c 0
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN RESTIC_REPOSITORY RESTIC_REPOSITORY_FILE RESTIC_PASSWORD_FILE \
  RESTIC_PASSWORD_COMMAND RESTIC_CACERT SSL_CERT_FILE SSL_CERT_DIR GODEBUG

folder=$1       # target folder; / for in place
mark=$2         # content of the marker of an unfinished restore; empty in place
restic=$3       # this machine's own, used if none is sent
restic_bytes=$4 # size of the sent one; 0: none is sent
restic_sha=$5   # required SHA-256 of the one to run
agent=$6        # the same three values for coffre-agent
agent_bytes=$7
agent_sha=$8
shift 8         # the rest: restic's arguments

work=
child=
exec 3<&0 </dev/null

fail() {
  printf '%s\n' "$2" >&2
  exit "$1"
}

read_line() { # a builtin reads nothing after its line
  IFS= read -r line <&3 || fail 80 'the connection broke before the restore began'
}

make_work_folder() {
  # The sent programs are stored twice for a short time.
  needed_kib=$(((restic_bytes + agent_bytes) / 512 + 1024))
  for parent in /dev/shm /run /root; do
    [ -d "$parent" ] || continue
    for left in "$parent"/.coffre-restore-*; do # remains of killed runs
      pid=${left##*/.coffre-restore-}
      pid=${pid%%-*}
      case $pid in '' | *[!0-9]*) continue ;; esac
      kill -0 "$pid" 2>/dev/null || rm -rf -- "$left"
    done
    free_kib=$(df -Pk "$parent" | { read -r _; read -r _ _ _ free _; echo "${free:-0}"; })
    [ "$free_kib" -ge "$needed_kib" ] || continue
    work=$(mktemp -d "$parent/.coffre-restore-$$-XXXXXXXX" 2>/dev/null) || continue
    # Many systems forbid to run programs from one of these.
    printf '#!/bin/sh\n' >"$work/try" && chmod 700 "$work/try" && "$work/try" 2>/dev/null && return
    rm -rf -- "$work"
    work=
  done
  fail 81 "found no private folder with $((needed_kib / 1024)) MiB free that allows programs to run; tried /dev/shm, /run and /root"
}

receive_programs() {
  [ $((restic_bytes + agent_bytes)) -gt 0 ] || return 0
  # All at once: some versions of `head` read further than they write.
  head -c $((restic_bytes + agent_bytes)) <&3 >"$work/sent" || fail 85 "the programs could not be written to $work"
  if [ "$restic_bytes" -gt 0 ]; then
    restic=$work/restic
    head -c "$restic_bytes" "$work/sent" >"$restic" || fail 85 "restic could not be written to $work"
    chmod 700 "$restic"
  fi
  if [ "$agent_bytes" -gt 0 ]; then
    agent=$work/coffre-agent
    tail -c "+$((restic_bytes + 1))" "$work/sent" >"$agent" || fail 85 "coffre-agent could not be written to $work"
    chmod 700 "$agent"
  fi
  rm -f "$work/sent"
}

require_sha() { # NAME FILE SHA256
  [ "$(sha256sum <"$2" | cut -c 1-64)" = "$3" ] || fail 82 "$1 changed on its way: its SHA-256 is not the expected one"
}

trap '[ -z "$work" ] || rm -rf -- "$work"' EXIT
trap '[ -z "$child" ] || { kill "$child" 2>/dev/null; wait "$child" 2>/dev/null; }; exit 143' TERM INT HUP PIPE

read_line && key_id=$line
read_line && secret=$line
read_line && password=$line
read_line && authorities=$line
make_work_folder
receive_programs
require_sha restic "$restic" "$restic_sha"
printf '%s' "$authorities" | base64 -d >"$work/ca.pem" || fail 82 'the certificate authorities did not arrive complete'
if [ -n "$mark" ]; then
  require_sha coffre-agent "$agent" "$agent_sha"
  set -- "$agent" restore-into "$folder" "$mark" "$restic" "$restic_sha" "$work/ca.pem" "$@"
else
  set -- "$restic" "--cacert=$work/ca.pem" "$@"
fi

AWS_ACCESS_KEY_ID=$key_id AWS_SECRET_ACCESS_KEY=$secret RESTIC_PASSWORD=$password \
  RESTIC_PROGRESS_FPS=1 TMPDIR=$work "$@" 3<&- &
child=$!
unset secret password line
# The caller sends nothing more: the end of its input means that it is gone.
(
  while IFS= read -r _ <&3; do :; done
  kill "$child"
) >/dev/null 2>&1 &
watch=$!
wait "$child"
code=$?
child=
kill "$watch" 2>/dev/null
exit "$code"
