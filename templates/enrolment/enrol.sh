#!/bin/sh
# SMILÉO : installation de l'agent de sauvegarde sur l'ordinateur « @@{machine} » (client « @@{slug} »), Linux ou macOS.
#
# À lancer en tant que root, une fois, sur cet ordinateur seulement : sudo sh ce-fichier, ou par votre outil de
# télédistribution. Il peut être relancé sans risque : il reprend où il s'était arrêté.
# Codes de retour : 0 en service ; 4 refusé, voir le message ; 1 ou 5 à relancer plus tard.
# Ce fichier est confidentiel tant qu'il n'a pas servi : ne l'envoyez à personne d'autre.
set -eu
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

base=/usr/local/lib
installed=$base/coffre/coffre-agent
agent_url='@@{agent_url}'
agent_sha256='@@{agent_sha256}'
folder=
child=

stop() {
  printf '%s\n' "$2" >&2
  exit "$1"
}

clean() {
  if [ -n "$child" ]; then
    kill "$child" 2>/dev/null || :
    wait "$child" 2>/dev/null || :
  fi
  if [ -n "$folder" ]; then
    rm -rf -- "$folder"
  fi
}

sha256_of() {
  if command -v sha256sum >/dev/null; then
    sha256sum <"$1" | cut -c 1-64
  else
    shasum -a 256 <"$1" | cut -c 1-64
  fi
}

# macOS had no -d for long.
decode() {
  if printf 'MQ==' | base64 -d >/dev/null 2>&1; then
    base64 -d
  else
    base64 -D
  fi
}

[ "$(id -u)" -eq 0 ] || stop 4 "Ce script doit être lancé en tant que root (sudo)."
command -v curl >/dev/null || stop 4 "Il manque le programme « curl » : installez-le, puis relancez ce script."

# Where the agent will be, programs may run; on /tmp they often may not. What a power cut left there goes after a day.
[ -d "$base" ] || (umask 022 && mkdir -p "$base")
find "$base" -maxdepth 1 -name '.coffre-enrol.*' -mtime +0 -exec rm -rf -- {} +
trap clean EXIT
trap 'exit 5' HUP INT TERM
folder=$(mktemp -d "$base/.coffre-enrol.XXXXXX")
TMPDIR=$folder
export TMPDIR

agent=$installed
if [ ! -f "$installed" ] || [ "$(sha256_of "$installed")" != "$agent_sha256" ]; then
  agent=$folder/coffre-agent
  cat >"$folder/ca.pem" <<'CERTIFICATES'
@@{certificates}
CERTIFICATES
  # The address is a secret: it stands in no process list.
  printf 'url = "%s"\n' "$agent_url" |
    curl -q --silent --show-error --fail --globoff --proto '=https' --cacert "$folder/ca.pem" --connect-timeout 20 \
      --max-time 1800 --max-filesize 268435456 --retry 3 --output "$agent" --config - ||
    stop 5 "L'agent n'a pas pu être téléchargé : vérifiez la connexion Internet, puis relancez ce script ; si cela dure, demandez-en un nouveau à SMILÉO."
  [ "$(sha256_of "$agent")" = "$agent_sha256" ] ||
    stop 4 "Le programme téléchargé n'est pas l'agent de SMILÉO : rien n'a été installé. Prévenez SMILÉO."
  chmod 700 "$agent"
fi

# In the background, so that this script still hears when it is to end.
{
  decode <<'INVITATION'
@@{invitation}
INVITATION
} | "$agent" enrol &
child=$!
code=0
wait "$child" || code=$?
child=
exit "$code"
