#!/bin/sh
# The stand-in for the vendor's Linux installer; tests/acronis/installer.py says what it is.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

release='@@release@@'
base=/usr/lib/Acronis
state=/var/lib/Acronis/BackupAndRecovery/MMS
log=/var/log/trueimage-setup.log
lock=/tmp/trueimage_inst.lock

refuse() {
  printf 'Error: %s\n' "$1" >&2
  exit 1
}

auto='' components='' address='' token='' skips='' starts=yes uninstalls='' purges=''

# One documented switch; the value is "" for those without one.
take() {
  case $1 in
    -a | --auto) auto=yes ;;
    -i | --id) components=$2 ;;
    -C | --rain) address=$2 ;;
    --token) token=$2 ;;
    --skip-registration) skips=yes ;;
    --skip-svc-start) starts='' ;;
    -u | --uninstall) uninstalls=yes ;;
    --purge) purges=yes ;;
    -t | --strict | -n | --nodeps | -d | --debug | --skip-prereq-check | --force-weak-snapapi | -s | --disable-native-shared) ;;
    --tmp-dir | --language | --http-proxy-host | --http-proxy-port | --http-proxy-login | --http-proxy-password) ;;
    -g | --login | -w | --password) refuse "this stand-in registers by a token only" ;;
    *) refuse "unknown option $1" ;;
  esac
}

needs_value() {
  case $1 in
    -i | --id | -C | --rain | --token | --tmp-dir | --language | --options-file | --http-proxy-* | -g | --login | -w | --password) return 0 ;;
    *) return 1 ;;
  esac
}

# The options file: one switch a line, its value after a blank.
read_options() {
  [ -f "$1" ] || refuse "no options file $1"
  while IFS= read -r line || [ -n "$line" ]; do
    name=${line%% *} value=${line#* }
    [ "$name" != "$line" ] || value=''
    if needs_value "$name" && [ -z "$value" ]; then refuse "the option $name in the options file has no value"; fi
    take "$name" "$value"
  done <"$1"
}

while [ $# -gt 0 ]; do
  name=${1%%=*} value=''
  case $1 in --*=*) value=${1#*=} ;; esac
  if needs_value "$name" && [ -z "$value" ]; then
    [ $# -gt 1 ] || refuse "the option $name has no value"
    value=$2
    shift
  fi
  if [ "$name" = --options-file ]; then read_options "$value"; else take "$name" "$value"; fi
  shift
done

[ "$(id -u)" -eq 0 ] || refuse "root is required"
if [ -n "$uninstalls" ]; then
  [ -x "$base/BackupAndRecovery/uninstall/uninstall" ] || refuse "it is not installed"
  exec "$base/BackupAndRecovery/uninstall/uninstall" -a ${purges:+--purge}
fi
[ -n "$auto" ] || refuse "this stand-in has no dialog: use -a"
if [ -n "$address" ] && [ -z "$token" ] || [ -z "$address" ] && [ -n "$token" ]; then
  refuse "--rain and --token are both required"
fi
[ -n "$address$skips" ] || refuse "-a needs a way to register, or --skip-registration"
case ",${components:-all}," in *,BackupAndRecoveryAgent,* | ,all,) ;; *) refuse "this stand-in has BackupAndRecoveryAgent only" ;; esac
[ ! -e "$lock" ] || refuse "another installation is running ($lock)"
: >"$lock"
trap 'rm -f "$lock"' EXIT

# Real logs have been seen to show tokens.
printf 'install %s components=%s rain=%s token=%s\n' "$release" "${components:-all}" "$address" "$token" >>"$log"
mkdir -p "$base/RegisterAgentTool" "$base/BackupAndRecovery/uninstall" "$state"
printf '%s\n' "$release" >"$state/release"
printf '%s\n' "${components:-all}" >"$state/components"
cat >"$base/ca.pem" <<'CA'
@@ca@@
CA

cat >"$base/control" <<'CONTROL'
#!/bin/sh
# control ADDRESS VERB <JSON: has a verb of the stand-in cloud's control door happen, and prints its answer.
curl -q --silent --show-error --fail-with-body --cacert /usr/lib/Acronis/ca.pem --max-time 30 \
  --header 'Content-Type: application/json' --data-binary @- "$1/_control/$2"
CONTROL

cat >"$base/register" <<'ITSELF'
#!/bin/sh
# register ADDRESS <TOKEN
set -eu
state=/var/lib/Acronis/BackupAndRecovery/MMS
read -r token
agent=$(cat "$state/agent-id" 2>/dev/null || :)
body=$(printf '{"address": "%s", "hostname": "%s", "token": "%s", "agent_id": "%s", "release": "%s"}' \
  "$1" "$(uname -n)" "$token" "$agent" "$(cat "$state/release")")
answer=$(printf '%s' "$body" | /usr/lib/Acronis/control "$1" register_agent) || { echo "Registration failed: $answer" >&2; exit 1; }
printf '%s\n' "$answer" | sed -n 's/.*"agent_id": *"\([^"]*\)".*/\1/p' >"$state/agent-id"
printf '%s\n' "$1" >"$state/address"
ITSELF

cat >"$base/RegisterAgentTool/RegisterAgent" <<'REGISTER'
#!/bin/sh
# RegisterAgent -o register -t cloud -a ADDRESS --token TOKEN, or -o unregister
set -eu
state=/var/lib/Acronis/BackupAndRecovery/MMS
operation='' address='' token=''
while [ $# -gt 0 ]; do
  case $1 in
    -o) operation=$2 ;;
    -t) [ "$2" = cloud ] || { echo "unknown type $2" >&2; exit 1; } ;;
    -a) address=$2 ;;
    --token) token=$2 ;;
    *) echo "unknown option $1" >&2; exit 1 ;;
  esac
  shift 2
done
case $operation in
  register) printf '%s\n' "$token" | /usr/lib/Acronis/register "$address" ;;
  unregister)
    [ -s "$state/address" ] || { echo "it is not registered" >&2; exit 1; }
    printf '{"agent_id": "%s"}' "$(cat "$state/agent-id")" | /usr/lib/Acronis/control "$(cat "$state/address")" unregister_agent
    rm -f "$state/address" ;;
  *) echo "an operation is required" >&2; exit 1 ;;
esac
REGISTER

cat >"$base/BackupAndRecovery/uninstall/uninstall" <<'UNINSTALL'
#!/bin/sh
# uninstall -a [--no-purge]: without the second one it forgets the agent's id too.
set -eu
keeps=''
for each in "$@"; do
  case $each in -a | --purge) ;; --no-purge) keeps=yes ;; *) echo "unknown option $each" >&2; exit 1 ;; esac
done
systemctl disable --now acronis_mms.service aakore.service 2>/dev/null || :
rm -f /etc/systemd/system/acronis_mms.service /etc/systemd/system/aakore.service
systemctl daemon-reload
rm -rf /usr/lib/Acronis
[ -n "$keeps" ] || rm -rf /var/lib/Acronis
UNINSTALL

cat >"$base/presence" <<'PRESENCE'
#!/bin/sh
# presence true|false: what the vendor sees when the service starts, or stops.
state=/var/lib/Acronis/BackupAndRecovery/MMS
[ -s "$state/address" ] || exit 0
printf '{"agent_id": "%s", "online": %s}' "$(cat "$state/agent-id")" "$1" |
  /usr/lib/Acronis/control "$(cat "$state/address")" set_online >/dev/null
PRESENCE
chmod 755 "$base/control" "$base/register" "$base/presence" "$base/RegisterAgentTool/RegisterAgent" "$base/BackupAndRecovery/uninstall/uninstall"

for service in acronis_mms aakore; do
  presence=/bin/true
  [ "$service" = aakore ] || presence="$base/presence"
  cat >"/etc/systemd/system/$service.service" <<UNIT
[Unit]
Description=Stand-in for $service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$presence true
ExecStop=$presence false
[Install]
WantedBy=multi-user.target
UNIT
done
systemctl daemon-reload
if [ -n "$address" ]; then
  printf '%s\n' "$token" | "$base/register" "$address" || refuse "the registration with $token failed"
fi
if [ -n "$starts" ]; then systemctl enable --now acronis_mms.service aakore.service; fi
