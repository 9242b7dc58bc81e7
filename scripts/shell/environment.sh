# Making virtual environments; sourced by scripts/setup and scripts/test-versions from the repository's folder.
# shellcheck shell=bash

uv_version=0.13.9
cache="${XDG_CACHE_HOME:-$HOME/.cache}/sms-inbox"

say() { echo "$*" >&2; }

# get_uv: sets UV to the path of a uv.
get_uv() {
  export UV
  UV=$(command -v uv) && return
  UV="$cache/uv-$uv_version/bin/uv"
  [[ -x $UV ]] && return
  say "Getting uv $uv_version ..."
  python3 -m pip install -qq --disable-pip-version-check --target "$cache/uv-$uv_version" "uv==$uv_version" && return
  say "Please install uv, or a Python 3 with pip, and try again."
  exit 1
}

# make_venv FOLDER: makes a virtual environment there, if there is none with a Python that Home Assistant runs on.
make_venv() {
  local python
  "$1/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 14, 2))' 2>/dev/null && return
  python=$(scripts/python)
  say "Making $1 with $("$python" -V) ..."
  "$UV" venv --quiet --clear --python "$python" "$1"
}

# resolve FOLDER FILE [UV OPTIONS]: writes into FILE what requirements.in and what Home Assistant would install by
# itself come to, with the versions that it insists on; the virtual environment in FOLDER is used for finding out.
resolve() {
  local venv=$1 file=$2
  shift 2
  "$UV" pip install --python "$venv" --quiet --upgrade -r requirements.in "$@"
  "$venv/bin/python" -m tests.live.pins >"$venv/pins.txt"
  "$venv/bin/python" -m tests.live.pins --constraints >"$venv/constraints.txt"
  "$UV" pip compile --python "$venv" --quiet --upgrade --no-annotate --custom-compile-command "scripts/setup --renew" \
    --override "$venv/constraints.txt" --override "$venv/pins.txt" "$@" --output-file "$file" \
    requirements.in "$venv/pins.txt"
}

# fill FOLDER FILE: makes the virtual environment have what FILE names and nothing else.
fill() {
  say "Installing what $2 names into $1 (about 350 MB at the first time) ..."
  "$UV" pip sync --python "$1" "$2" 2>&1 | grep --line-buffered -v '^ [-+~] ' >&2
}
