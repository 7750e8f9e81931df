#!/bin/sh
# busybox.sh DIR puts a static busybox into DIR: the installed one, or the one
# of Debian's package, which needs no root to be unpacked.
set -eu
dir=$1
mkdir -p "$dir"
[ ! -x "$dir/busybox" ] || exit 0
installed=$(command -v busybox || true)
if [ -n "$installed" ] && ! ldd "$installed" >/dev/null 2>&1; then
	install -m 755 "$installed" "$dir/busybox"
	exit 0
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
if ! apt-get download busybox-static >/dev/null 2>&1; then
	# The package lists of a fresh machine are empty.
	[ "$(id -u)" != 0 ] || apt-get update -qq
	apt-get download busybox-static >/dev/null || {
		echo "busybox.sh: no static busybox: install one, for example with: apt-get install busybox-static" >&2
		exit 1
	}
fi
dpkg-deb -x ./*.deb unpacked
cd - >/dev/null
# The package has more files of that name.
install -m 755 "$(find "$tmp/unpacked" -path '*/bin/busybox' -type f)" "$dir/busybox"
