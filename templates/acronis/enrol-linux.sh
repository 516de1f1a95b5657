#!/bin/sh
# SMILÉO : installation de l'agent Acronis sur l'ordinateur « @@{machine} » (client « @@{slug} »), Linux.
#
# À lancer en tant que root, une fois, sur cet ordinateur seulement : sudo sh ce-fichier, ou par votre outil de
# télédistribution. Il n'est plus utilisable après le @@{expires}.
# Codes de retour : 0 installé ; 4 refusé, voir le message ; 1 ou 5 à relancer plus tard.
# Ce fichier est confidentiel jusqu'à cette date : ne l'envoyez à personne d'autre.
set -eu
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

base=/usr/local/lib
note=/etc/coffre-acronis
installer_url='@@{installer_url}'
installer_sha256='@@{installer_sha256}'
component='@@{component}'
folder=

stop() {
  printf '%s\n' "$2" >&2
  exit "$1"
}

clean() {
  if [ -n "$folder" ]; then
    rm -rf -- "$folder"
  fi
}

[ "$(id -u)" -eq 0 ] || stop 4 "Ce script doit être lancé en tant que root (sudo)."
command -v curl >/dev/null || stop 4 "Il manque le programme « curl » : installez-le, puis relancez ce script."

# Of another customer, or another machine: nothing is touched.
if [ -f "$note/agent.json" ]; then
  grep -q -F '"tenant_id": "@@{tenant_id}"' "$note/agent.json" && grep -q -F '"machine": "@@{machine}"' "$note/agent.json" ||
    stop 4 "Cet ordinateur a déjà l'agent d'un autre ordinateur ou d'un autre client : rien n'a été installé. Prévenez SMILÉO."
fi

[ -d "$base" ] || (umask 022 && mkdir -p "$base")
find "$base" -maxdepth 1 -name '.coffre-acronis.*' -mtime +0 -exec rm -rf -- {} +
trap clean EXIT
trap 'exit 5' HUP INT TERM
folder=$(mktemp -d "$base/.coffre-acronis.XXXXXX")
cd "$folder"

curl -q --silent --show-error --fail --location --max-redirs 5 --globoff --proto '=https' --connect-timeout 20 \
  --max-time 3600 --max-filesize 4294967296 --retry 3 --output installer.bin -- "$installer_url" ||
  stop 5 "L'installateur n'a pas pu être téléchargé : vérifiez la connexion Internet, puis relancez ce script."
[ "$(sha256sum <installer.bin | cut -c 1-64)" = "$installer_sha256" ] ||
  stop 4 "Le programme téléchargé n'est pas celui que SMILÉO a choisi : rien n'a été installé. Prévenez SMILÉO."
chmod 700 installer.bin

# The token stands in no process list: the installer reads it from a file that goes with the folder.
cat >options <<'OPTIONS'
@@{options}
OPTIONS
cat >secret <<'SECRET'
@@{secret}
SECRET
code=0
./installer.bin -a -i "$component" --options-file="$folder/options" >said 2>&1 </dev/null || code=$?
log=/var/log/trueimage-setup.log
if [ -f "$log" ] && [ ! -L "$log" ] && grep -q -F -f secret -- "$log"; then
  grep -v -F -f secret -- "$log" >log || :
  cat log >"$log"
fi
if [ "$code" -ne 0 ]; then
  grep -v -F -f secret said | tail -c 2000 >&2 || :
  stop 1 "L'installateur d'Acronis s'est terminé par une erreur (code $code) : relancez ce script ; si cela dure, prévenez SMILÉO."
fi
(umask 022 && mkdir -p "$note")
cat >"$note/agent.json.new" <<'NOTE'
@@{note}
NOTE
chmod 644 "$note/agent.json.new"
mv -f -- "$note/agent.json.new" "$note/agent.json"
