#!/usr/bin/env bash
# An Arm Linux userland under emulation, for `edgeseal check --on arm`:
#     tools/arm.sh DIR && export EDGESEAL_ARM=DIR
# Wants a Debian-like machine with apt and pip, and changes nothing outside DIR: about a minute, 250 MB.
# The emulator is Debian 13's, whatever the machine has: QEMU before 8.1 shows programs the host's
# /proc/cpuinfo (LiteRT then crashes), and QEMU 7.2 computes INT8 matrix products (i8mm) wrongly.
set -euo pipefail
dir=$(mkdir -p "$1" && cd "$1" && pwd)
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
  grep -v '^#' | grep -oE '(https?|file)://[^ ]+/debian/?( |$)' | head -n 1)
[ -n "$mirror" ] || { echo "no Debian mirror among apt's sources" >&2; exit 2; }

fetch() { # ARCHITECTURE PACKAGE...
  local state="$dir/apt-$1"
  mkdir -p "$state/lists/partial" "$state/debs"
  echo "deb [trusted=yes] ${mirror% } trixie main" > "$state/sources.list"
  local options=(-qq -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::Lists=$state/lists" -o "APT::Architectures=$1" -o "APT::Architecture=$1")
  apt-get "${options[@]}" update
  (cd "$state/debs" && apt-get "${options[@]}" download "${@:2}" 2> /dev/null)
  for deb in "$state"/debs/*.deb; do dpkg -x "$deb" "$dir/$1"; done
}

fetch "$(dpkg --print-architecture)" qemu-user
fetch arm64 python3.13-minimal libpython3.13-minimal libpython3.13-stdlib libc6 libgcc-s1 libstdc++6 \
  zlib1g libexpat1 libffi8 libssl3t64 libbz2-1.0 liblzma5
ln -sfn usr/lib "$dir/arm64/lib" # base-files does this on a whole system
platforms=()
for version in 2_17 2014 2_27 2_28; do
  name="manylinux_${version}_aarch64"
  platforms+=(--platform "${name/manylinux_2014/manylinux2014}")
done
python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.13 --implementation cp \
  "${platforms[@]}" -d "$dir/wheels" ai-edge-litert flatbuffers numpy Pillow ml_dtypes
for wheel in "$dir"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$dir/site"; done
