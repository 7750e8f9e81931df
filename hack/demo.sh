#!/bin/sh
# demo.sh runs the main job once: start, change, commit, lose, resume. It works
# in a temporary directory and leaves nothing on the engine.
set -eu
busybox=$1
slug=demo-$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')
tmp=$(mktemp -d)
export XDG_STATE_HOME="$tmp/state" XDG_DATA_HOME="$tmp/data" XDG_CONFIG_HOME="$tmp/config" XDG_CACHE_HOME="$tmp/cache"

clean() {
	docker rm -fv "bottle-$slug" >/dev/null 2>&1 || true
	docker images --format '{{.Repository}}:{{.Tag}}' "docker-bottle/$slug" | xargs -r docker rmi -f >/dev/null 2>&1 || true
	rm -rf "$tmp"
}
trap clean EXIT
trap 'exit 130' INT TERM

run() {
	echo "+ $*"
	"$@"
}

docker version --format 'engine {{.Server.Version}}' || {
	echo "demo: the Docker engine does not answer" >&2
	exit 1
}
agent="$tmp/agent"
hack/agent.sh "$busybox" "$agent"

run docker bottle start -d --name "$slug" "$agent" -- sleep 3600
run docker bottle exec "$slug" sh -c 'echo "hours of work" > /work/notes'
run docker bottle commit -m "notes written" "$slug"
run docker rm -f "bottle-$slug"
run docker bottle ls
run docker bottle resume -d "$slug"
echo "+ docker bottle exec $slug cat /work/notes"
notes=$(docker bottle exec "$slug" cat /work/notes)
echo "$notes"
[ "$notes" = "hours of work" ] || {
	echo "demo: the change is not there" >&2
	exit 1
}
run docker bottle log "$slug"
run docker bottle rm -f "$slug"
left=$(docker ps -aq --filter "name=bottle-$slug"; docker images -q "docker-bottle/$slug")
[ -z "$left" ] || {
	echo "demo: left on the engine: $left" >&2
	exit 1
}
echo "The bottle was committed, lost and resumed with its change. Nothing is left of it on the engine; the plugin stays installed at ${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins/docker-bottle: try docker bottle --help"
