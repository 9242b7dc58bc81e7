# Getting Debian packages without root; sourced by scripts/python and scripts/test-peers.
# shellcheck shell=bash

# debian_begin FOLDER RELEASE: sets `apt` to an apt-get which knows the packages of a release in the machine's own
# archive, and begins FOLDER anew, where it keeps everything. The machine's own sources are read for the archive's
# address, and left alone.
debian_begin() {
  local folder=$1 release=$2 address components=main distribution keyrings=/usr/share/keyrings
  command -v apt-get dpkg >/dev/null || return
  address=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep -v security | head -n 1)
  [[ -n $address ]] || return
  distribution=$(sed -n 's/^ID=//p' /etc/os-release)
  [[ -e $keyrings/$distribution-archive-keyring.gpg ]] || distribution=debian
  if [[ $distribution == ubuntu ]]; then components="main universe"; fi
  rm -rf "$folder"
  mkdir -p "$folder"/{lists/partial,archives/partial,debs,tree} || return
  touch "$folder/status"
  echo "deb [signed-by=$keyrings/$distribution-archive-keyring.gpg] $address $release $components" >"$folder/sources.list"
  apt=(apt-get -qq -o "Dir::State::lists=$folder/lists" -o "Dir::State::status=$folder/status" -o "Dir::Cache=$folder"
    -o "Dir::Cache::archives=$folder/archives" -o "Dir::Etc::sourcelist=$folder/sources.list"
    -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root -o Acquire::Languages=none)
  "${apt[@]}" update >&2
}

# debian_closure PACKAGE ...: prints the packages' names and those of all that they need, down to the C library.
debian_closure() {
  "${apt[@]}" -o Debug::NoLocking=true --simulate --no-install-recommends install "$@" | sed -n 's/^Inst \([^ ]*\).*/\1/p'
}

# debian_unpack FOLDER PACKAGE ...: fetches packages and unpacks them into FOLDER/tree; nothing else is left there.
debian_unpack() {
  local folder=$1 deb
  shift
  (cd "$folder/debs" && "${apt[@]}" download "$@" >&2) || return
  for deb in "$folder"/debs/*.deb; do dpkg -x "$deb" "$folder/tree" || return; done
  rm -rf "$folder"/{lists,archives,debs,status,pkgcache.bin,srcpkgcache.bin}
}
