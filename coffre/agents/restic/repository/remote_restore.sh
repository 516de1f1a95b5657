# Restores a snapshot on this machine with programs that it has or is sent. Run by `sh -c` as root over SSH.
#
# Into a folder it is coffre-agent that restores: it holds the folder and runs restic in a cage. In place restic runs alone.
# Standard input: access key id, secret key, repository password and certificate authorities (base64), one a line; then
# restic and the agent, those that are sent; then nothing, for as long as the caller lives. Secrets stand in the
# environment alone: no argument, no file. Exit codes from 80 on are this script's and the agent's own, all others restic's.
set -u
umask 077
ulimit -c 0
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN RESTIC_REPOSITORY RESTIC_REPOSITORY_FILE RESTIC_PASSWORD_FILE \
  RESTIC_PASSWORD_COMMAND RESTIC_CACERT SSL_CERT_FILE SSL_CERT_DIR GODEBUG

folder=$1       # restored to; / for in place
mark=$2         # what the marker of an unfinished restore says; empty in place
restic=$3       # this machine's own, used when none is sent
restic_bytes=$4 # size of the one that is sent; 0: none
restic_sha=$5   # what the one that is run must have
agent=$6        # the same three of coffre-agent
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

read_line() { # a builtin reads no byte past its line
  IFS= read -r line <&3 || fail 80 'the line broke before the restore began'
}

make_work_folder() {
  # What is sent is there twice for a moment.
  needed_kib=$(((restic_bytes + agent_bytes) / 512 + 1024))
  for parent in /dev/shm /run /root; do
    [ -d "$parent" ] || continue
    for left in "$parent"/.coffre-restore-*; do # what killed runs have left
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
  fail 81 "no private folder with $((needed_kib / 1024)) MiB of room from which a program may be run: tried /dev/shm, /run and /root"
}

receive_programs() {
  [ $((restic_bytes + agent_bytes)) -gt 0 ] || return 0
  # In one piece: not every `head` stops reading where it stops writing.
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
  [ "$(sha256sum <"$2" | cut -c 1-64)" = "$3" ] || fail 82 "$1 did not arrive as it was sent"
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
printf '%s' "$authorities" | base64 -d >"$work/ca.pem" || fail 82 'the certificate authorities did not arrive'
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
# The caller never sends more: the end of its input means that it is gone.
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
