#!/bin/sh
# transcript.sh draws what the README's last console block shows, as an SVG: its
# commands are run for real, on a terminal of 80 columns, and what that shows is
# drawn. It works in a temporary directory and leaves nothing on the engine. Needs
# script and stty, and bottle's plugin where docker finds it.
set -eu
busybox=$1 out=$2
tmp=$(mktemp -d)
export XDG_STATE_HOME="$tmp/state" XDG_DATA_HOME="$tmp/data" XDG_CONFIG_HOME="$tmp/config" XDG_CACHE_HOME="$tmp/cache"
if docker inspect bottle-web >/dev/null 2>&1; then
	echo "transcript: there is a bottle web on the engine: remove it first" >&2
	exit 1
fi
clean() {
	docker bottle rm -f web >/dev/null 2>&1 || true
	rm -rf "$tmp"
}
trap clean EXIT
trap 'exit 130' INT TERM

hack/agent.sh "$busybox" "$tmp/agent"
# Build it once before: what is to be seen is bottle.
docker build -q "$tmp/agent" >/dev/null

awk '/^```console$/ { n = ""; on = 1; next } /^```$/ { on = 0 } on && sub(/^\$ /, "") { n = n $0 "\n" } END { printf "%s", n }' README.md >"$tmp/commands"
cd "$tmp"
while IFS= read -r command; do
	printf '\033[1m$ %s\033[0m\r\n' "$command"
	script -qec "stty -echo cols 80 rows 24; $command" /dev/null </dev/null
done <commands | tr -d '\r' |
	sed 's/.*\x1b\[K//; s/\x1b\[?[0-9;]*[a-z]//g' >screen # the line of progress is gone in the end
cd - >/dev/null
go run github.com/charmbracelet/freeze@v0.2.2 "$tmp/screen" --language ansi --window --padding 16 \
	--font.family 'ui-monospace,SFMono-Regular,Menlo,Consolas,monospace' --font.size 13 --line-height 1.3 --output "$out" >/dev/null
echo "$out"
