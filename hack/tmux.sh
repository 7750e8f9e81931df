#!/bin/sh
# tmux.sh DIR makes DIR a small root tree with tmux in it: Debian's packages,
# unpacked without root, less what tmux does not need.
set -eu
dir=$1
[ ! -x "$dir/usr/bin/tmux" ] || exit 0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

packages() {
	apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances tmux |
		grep -E '^(tmux|lib(c6|tinfo|event-core|utempter|systemd|jemalloc)[^ ]*)$'
	echo ncurses-base libc-bin
}
cd "$tmp"
# The package lists of a fresh machine are empty.
[ -n "$(apt-cache show tmux 2>/dev/null)" ] || [ "$(id -u)" != 0 ] || apt-get update -qq
# shellcheck disable=SC2046 # one word each
apt-get download -qq $(packages) >/dev/null 2>said || {
	cat said >&2
	echo "tmux.sh: the packages of tmux cannot be had; the lists may be old: apt-get update" >&2
	exit 1
}
mkdir all small
for deb in ./*.deb; do
	dpkg-deb -x "$deb" all
done

# Packages have files in /lib or /usr/lib, which are the same place, or not.
find_one() {
	for found in all/usr/lib/$1 all/lib/$1 all/lib64/$1 all/usr/lib64/$1; do
		[ ! -e "$found" ] || return 0
	done
	echo "tmux.sh: the packages have no $1" >&2
	exit 1
}
put() {
	mkdir -p "small/${2%/*}"
	cp -RL "$1" "small/$2"
}
put all/usr/bin/tmux usr/bin/tmux
# The loader is where the program says it is.
loader=$(ldd all/usr/bin/tmux | sed -n 's|^[[:space:]]*\(/[^ ]*/ld-[^ ]*\) .*|\1|p')
find_one "$(echo "$loader" | sed 's|^/lib64/||; s|^/lib/||')"
put "$found" "$loader"
path=$(find all -name '*.so*' -type f -printf '%h\n' | sort -u | paste -sd:)
"small$loader" --library-path "$path" --list all/usr/bin/tmux | sed -n 's|.* => \(all/[^ ]*\) .*|\1|p' >libs
while read -r lib; do
	put "$lib" "usr/lib/${lib##*/}"
done <libs
for term in x/xterm x/xterm-256color s/screen s/screen-256color t/tmux t/tmux-256color l/linux; do
	find_one "terminfo/$term" 2>/dev/null || found=all/usr/share/terminfo/$term
	put "$found" "usr/share/terminfo/$term"
done
find_one locale/C.utf8
put "$found" usr/lib/locale/C.utf8
cd - >/dev/null
rm -rf "$dir"
mkdir -p "${dir%/*}"
cp -R "$tmp/small" "$dir"
