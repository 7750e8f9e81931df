#!/bin/sh
# release-check.sh GORELEASER builds a snapshot of what is committed twice: in
# two directories, the second with an empty build cache and in another time zone
# and umask. Both must be the same to the byte. Then it looks whether docker
# finds the plugin that is in the packages. Nothing is published; signing and
# SBOMs are left out, as their tools are for the release's machine.
set -eu
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

fail() {
	echo "release-check: $*" >&2
	exit 1
}

GOBIN="$tmp/bin" go install "$1"
"$tmp/bin/goreleaser" check

commit=$(git rev-parse HEAD) # of both, though work may go on here meanwhile
snapshot() {
	git clone -q . "$1"
	(cd "$1" && git checkout -q "$commit" && "$tmp/bin/goreleaser" release --snapshot --clean --skip=sign,sbom)
}
snapshot "$tmp/one"
(
	umask 077
	mkdir "$tmp/elsewhere"
	export TZ=Pacific/Kiritimati GOCACHE="$tmp/cache"
	snapshot "$tmp/elsewhere/two"
)
cat "$tmp/one/dist/checksums.txt"
diff "$tmp/one/dist/checksums.txt" "$tmp/elsewhere/two/dist/checksums.txt" || fail "two builds of the same commit differ"
# Six archives, six plain binaries, two packages of each kind.
for want in '\.tar\.gz$:4' '\.zip$:2' ' docker-bottle-[^.]*\(\.exe\)*$:6' '\.deb$:2' '\.rpm$:2'; do
	found=$(grep -c "${want%:*}" "$tmp/one/dist/checksums.txt" || true)
	[ "$found" = "${want##*:}" ] || fail "$found files match ${want%:*}, want ${want##*:}"
done

cd "$tmp/one/dist"
arch=$(go env GOARCH)
plugin=usr/libexec/docker/cli-plugins/docker-bottle

dpkg-deb -c docker-bottle*_linux_"$arch".deb
dpkg-deb -x docker-bottle*_linux_"$arch".deb "$tmp/deb"
# docker with no other plugin of that name, and with the package's folder.
mkdir "$tmp/docker"
echo "{\"cliPluginsExtraDirs\": [\"$tmp/deb/$(dirname "$plugin")\"]}" >"$tmp/docker/config.json"
docker --config "$tmp/docker" bottle version | tee "$tmp/version"
grep -q '^docker-bottle v.*-snapshot' "$tmp/version" || fail "the plugin of the deb is not what docker runs"

if command -v rpm >/dev/null; then
	rpm -qp --queryformat '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILENAMES}\n]' docker-bottle*_linux_"$arch".rpm | tee "$tmp/rpm"
	grep -q "^-rwxr-xr-x root /$plugin\$" "$tmp/rpm" || fail "the plugin is not in the rpm"
else
	echo "release-check: there is no rpm here, so the rpm is not looked into" >&2
fi

tar -tvf docker-bottle*_linux_"$arch".tar.gz
cat homebrew/Casks/docker-bottle.rb
for line in 'target: "#{HOMEBREW_PREFIX}/lib/docker/cli-plugins/docker-bottle"' '"{{staged_path}}/docker-bottle"'; do
	grep -qF "$line" homebrew/Casks/docker-bottle.rb || fail "the cask lacks $line"
done
echo "two builds are the same, and docker finds the plugin of the packages"
