#!/bin/sh
# SMILÉO : installation de l'agent Acronis sur l'ordinateur « @@{machine} » (client « @@{slug} »), macOS.
#
# À lancer en tant que root, une fois, sur cet ordinateur seulement : sudo sh ce-fichier, ou par votre outil de
# télédistribution. Il n'est plus utilisable après le @@{expires}.
# Codes de retour : 0 installé ; 4 refusé, voir le message ; 1 ou 5 à relancer plus tard.
# Ce fichier est confidentiel jusqu'à cette date : ne l'envoyez à personne d'autre.
set -eu
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

note=/etc/coffre-acronis
installer_url='@@{installer_url}'
installer_sha256='@@{installer_sha256}'
tool='/Library/Application Support/BackupClient/Acronis/RegisterAgentTool/RegisterAgent'
folder=

stop() {
  printf '%s\n' "$2" >&2
  exit "$1"
}

clean() {
  if [ -n "$folder" ]; then
    hdiutil detach -quiet -force "$folder/image" 2>/dev/null || :
    rm -rf -- "$folder"
  fi
}

[ "$(id -u)" -eq 0 ] || stop 4 "Ce script doit être lancé en tant que root (sudo)."

# Of another customer, or another machine: nothing is touched.
if [ -f "$note/agent.json" ]; then
  grep -q -F '"tenant_id": "@@{tenant_id}"' "$note/agent.json" && grep -q -F '"machine": "@@{machine}"' "$note/agent.json" ||
    stop 4 "Cet ordinateur a déjà l'agent d'un autre ordinateur ou d'un autre client : rien n'a été installé. Prévenez SMILÉO."
fi

trap clean EXIT
trap 'exit 5' HUP INT TERM
folder=$(mktemp -d /var/root/.coffre-acronis.XXXXXX)
cd "$folder"
mkdir image

curl -q --silent --show-error --fail --location --max-redirs 5 --globoff --proto '=https' --connect-timeout 20 \
  --max-time 3600 --max-filesize 4294967296 --retry 3 --output installer.dmg -- "$installer_url" ||
  stop 5 "L'installateur n'a pas pu être téléchargé : vérifiez la connexion Internet, puis relancez ce script."
[ "$(shasum -a 256 <installer.dmg | cut -c 1-64)" = "$installer_sha256" ] ||
  stop 4 "Le programme téléchargé n'est pas celui que SMILÉO a choisi : rien n'a été installé. Prévenez SMILÉO."
hdiutil attach -quiet -nobrowse -readonly -mountpoint image installer.dmg ||
  stop 1 "L'installateur téléchargé n'a pas pu être ouvert : relancez ce script ; si cela dure, prévenez SMILÉO."
pkgutil --check-signature image/Install.pkg | grep -q -F 'Acronis International GmbH' ||
  stop 4 "Le programme téléchargé n'est pas signé par Acronis : rien n'a été installé. Prévenez SMILÉO."
installer -pkg image/Install.pkg -target '@@{target}' >said 2>&1 </dev/null || {
  tail -c 2000 said >&2
  stop 1 "L'installateur d'Acronis s'est terminé par une erreur : relancez ce script ; si cela dure, prévenez SMILÉO."
}

# Acronis' tool takes the token on its command line only.
cat >secret <<'SECRET'
@@{secret}
SECRET
for seconds in 5 10 20 40 60 0; do
  code=0
  "$tool" -o register -t cloud -a '@@{address}' --token "$(cat secret)" >said 2>&1 </dev/null || code=$?
  [ "$code" -ne 0 ] || break
  sleep "$seconds"
done
if [ "$code" -ne 0 ]; then
  grep -v -F -f secret said | tail -c 2000 >&2 || :
  stop 1 "L'ordinateur n'a pas pu être enregistré chez Acronis (code $code) : relancez ce script ; si cela dure, prévenez SMILÉO."
fi
(umask 022 && mkdir -p "$note")
cat >"$note/agent.json.new" <<'NOTE'
@@{note}
NOTE
chmod 644 "$note/agent.json.new"
mv -f -- "$note/agent.json.new" "$note/agent.json"
