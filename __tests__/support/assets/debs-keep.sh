#!/bin/sh
# mmdebstrap customize hook: keeps the downloaded packages for later runs. A package is whole when it is here:
# apt downloads into a folder of its own and moves what it has verified.
# $1: the root being made. DEBS: the folder that keeps packages, on the same file system, for hard links.
set -eu
find "$1/var/cache/apt/archives" -maxdepth 1 -name '*.deb' -exec ln -f -t "$DEBS" {} +
