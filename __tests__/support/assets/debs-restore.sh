#!/bin/sh
# mmdebstrap setup hook: offers the packages downloaded by earlier runs to apt.
# $1: the root being made. DEBS: the folder that keeps packages, on the same file system, for hard links.
set -eu
mkdir -p "$1/var/cache/apt/archives"
find "$DEBS" -name '*.deb' -exec ln -f -t "$1/var/cache/apt/archives" {} +
