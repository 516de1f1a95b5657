# Restores a snapshot on this machine with a restic that it has or is sent. Run by `sh -c` as root over SSH.
#
# Standard input: access key id, secret key, repository password and certificate authorities (base64, may be empty), one
# a line; then restic itself, if it is sent; then nothing, for as long as the caller lives. Secrets stand in restic's
# environment alone: no argument, no file. Exit codes from 80 on are this script's own, all others restic's.
set -u
umask 077
ulimit -c 0
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN RESTIC_REPOSITORY RESTIC_REPOSITORY_FILE RESTIC_PASSWORD_FILE \
  RESTIC_PASSWORD_COMMAND RESTIC_CACERT SSL_CERT_FILE SSL_CERT_DIR GODEBUG

folder=$1       # restored to; / for in place
mark=$2         # what the marker of an unfinished restore says; empty in place
sent_bytes=$3   # size of the restic that is sent; 0: this machine's own is used
sha256=$4       # what the restic that is run must have
restic=$5       # this machine's own
shift 5         # the rest: restic's arguments

marker=$folder/.coffre-restore-unfinished
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
  for parent in /dev/shm /run /root; do
    [ -d "$parent" ] || continue
    for left in "$parent"/.coffre-restore-*; do # what killed runs have left
      pid=${left##*/.coffre-restore-}
      pid=${pid%%-*}
      case $pid in '' | *[!0-9]*) continue ;; esac
      kill -0 "$pid" 2>/dev/null || rm -rf -- "$left"
    done
    work=$(mktemp -d "$parent/.coffre-restore-$$-XXXXXXXX" 2>/dev/null) || continue
    # Many systems forbid to run programs from one of these.
    printf '#!/bin/sh\n' >"$work/try" && chmod 700 "$work/try" && "$work/try" 2>/dev/null && return
    rm -rf -- "$work"
    work=
  done
  fail 81 'no private folder from which a program may be run: tried /dev/shm, /run and /root'
}

prepare_folder() {
  if [ -e "$folder" ] || [ -L "$folder" ]; then
    if [ ! -d "$folder" ] || [ -L "$folder" ]; then fail 83 "$folder is there already and is no directory"; fi
    if [ -n "$(ls -A -- "$folder")" ]; then
      said=
      [ -L "$marker" ] || said=$(cat "$marker" 2>/dev/null)
      [ -n "$said" ] || fail 83 "$folder is not empty"
      [ "$said" = "$mark" ] || fail 84 "$said"
    fi
  fi
  reason=$(mkdir -p -- "$folder" 2>&1 && printf '%s\n' "$mark" 2>&1 >"$marker") || fail 85 "$folder: $reason"
}

trap '[ -z "$work" ] || rm -rf -- "$work"' EXIT
trap '[ -z "$child" ] || { kill "$child" 2>/dev/null; wait "$child" 2>/dev/null; }; exit 143' TERM INT HUP PIPE

read_line && key_id=$line
read_line && secret=$line
read_line && password=$line
read_line && authorities=$line
make_work_folder
if [ "$sent_bytes" -gt 0 ]; then
  restic=$work/restic
  head -c "$sent_bytes" <&3 >"$restic" || fail 85 "restic could not be written to $work"
  chmod 700 "$restic"
fi
[ "$(sha256sum <"$restic" | cut -c 1-64)" = "$sha256" ] || fail 82 'restic did not arrive as it was sent'
if [ -n "$authorities" ]; then
  printf '%s' "$authorities" | base64 -d >"$work/ca.pem" || fail 82 'the certificate authorities did not arrive'
  set -- "--cacert=$work/ca.pem" "$@"
fi
if [ -n "$mark" ]; then prepare_folder; fi

AWS_ACCESS_KEY_ID=$key_id AWS_SECRET_ACCESS_KEY=$secret RESTIC_PASSWORD=$password \
  RESTIC_PROGRESS_FPS=1 TMPDIR=$work "$restic" "$@" 3<&- &
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
if [ "$code" -eq 0 ] && [ -n "$mark" ]; then rm -f -- "$marker"; fi
exit "$code"
