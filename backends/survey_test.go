package backends_test

import (
	"slices"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
)

func labels(slug, number, parent string) map[string]string {
	const prefix = "io.github.docker-bottle.snapshot."
	return map[string]string{prefix + "bottle": slug, prefix + "number": number, prefix + "parent": parent, prefix + "message": "green"}
}

// Promise 3: an image is a snapshot if its name and its labels say the same, and
// what they say makes sense. Of anything else it is said why not.
func TestAddImages(t *testing.T) {
	commands := backends.ImageCommands{
		Rename: func(from, to string) string { return "name " + from + " " + to },
		Remove: func(name string) string { return "remove " + name },
	}
	names := func(names ...string) []string { return names }
	for _, tt := range []struct {
		about  string
		names  []string
		labels map[string]string
		want   string // of the doubt, or "" for a snapshot, or "-" for nothing
		mend   string
	}{
		{"a snapshot", names("docker-bottle/web:3"), labels("web", "3", "1"), "", ""},
		{"with its alias", names("docker-bottle/web:latest", "docker-bottle/web:3"), labels("web", "3", "0"), "", ""},
		{"with a name of the person's", names("mine:1", "docker-bottle/web:3"), labels("web", "3", "2"), "", ""},
		{"no labels", names("docker-bottle/web:3"), nil, "docker-bottle/web:3 has no labels of a snapshot", "remove docker-bottle/web:3"},
		{"another bottle's labels", names("docker-bottle/web:3"), labels("api", "3", "2"), "docker-bottle/web:3 says that it is api@3", "remove docker-bottle/web:3"},
		{"another number", names("docker-bottle/web:3"), labels("web", "2", "1"), "docker-bottle/web:3 says that it is web@2", "remove docker-bottle/web:3"},
		{"number 0", names("docker-bottle/web:3"), labels("web", "0", "0"), `docker-bottle/web:3 has a label that says it is snapshot "0" of web`, "remove docker-bottle/web:3"},
		{"number 03", names("docker-bottle/web:3"), labels("web", "03", "0"), `docker-bottle/web:3 has a label that says it is snapshot "03" of web`, "remove docker-bottle/web:3"},
		{"no number", names("docker-bottle/web:3"), labels("web", "", "0"), `docker-bottle/web:3 has a label that says it is snapshot "" of web`, "remove docker-bottle/web:3"},
		{"its own parent", names("docker-bottle/web:3"), labels("web", "3", "3"), `docker-bottle/web:3 has a label that says it is web@3 and grew from "3"`, "remove docker-bottle/web:3"},
		{"a younger parent", names("docker-bottle/web:3"), labels("web", "3", "4"), `docker-bottle/web:3 has a label that says it is web@3 and grew from "4"`, "remove docker-bottle/web:3"},
		{"a parent below 0", names("docker-bottle/web:3"), labels("web", "3", "-1"), `docker-bottle/web:3 has a label that says it is web@3 and grew from "-1"`, "remove docker-bottle/web:3"},
		{"no parent", names("docker-bottle/web:3"), labels("web", "3", ""), `docker-bottle/web:3 has a label that says it is web@3 and grew from ""`, "remove docker-bottle/web:3"},
		{"a bad name", names("docker-bottle/web:3"), labels("../web", "3", "0"), `docker-bottle/web:3 has a label that says it is of bottle "../web"`, "remove docker-bottle/web:3"},
		{"the alias alone", names("docker-bottle/web:latest"), labels("web", "3", "0"), "docker-bottle/web:latest says that it is web@3, and is not called docker-bottle/web:3", "name docker-bottle/web:latest docker-bottle/web:3"},
		{"no name", nil, labels("web", "3", "0"), "sha256:x says that it is web@3, and is not called docker-bottle/web:3", "name sha256:x docker-bottle/web:3"},
		{"made from a snapshot", names("mine:1"), labels("web", "3", "0"), "mine:1 says that it is web@3, and is not called docker-bottle/web:3", "name mine:1 docker-bottle/web:3"},
		{"somebody's", names("mine:1"), map[string]string{"a": "b"}, "-", ""},
		{"a tag of the person's", names("docker-bottle/web:mine"), nil, "-", ""},
		{"not one of our names", names("docker-bottle/../web:1", "docker-bottle/Web:1", "docker-bottle/web", "other/web:1"), nil, "-", ""},
		{"a built one", names("docker-bottle/web:base"), nil, "-", ""},
		{"built from a snapshot", names("docker-bottle/web:base"), labels("api", "3", "0"), "-", ""},
	} {
		var held backends.Holdings
		held.AddImages([]backends.NamedImage{{Names: tt.names, Digest: "sha256:x", Labels: tt.labels}}, commands)
		got, mend := "-", ""
		if len(held.Snapshots) == 1 {
			got = ""
			if snap := held.Snapshots[0]; snap.Slug != "web" || snap.Number != 3 || snap.Message != "green" || snap.Reference != "docker-bottle/web:3" || snap.Digest != "sha256:x" {
				t.Errorf("%s: %+v", tt.about, snap)
			}
		}
		if len(held.Doubtful) == 1 {
			got, mend = held.Doubtful[0].Name+" "+held.Doubtful[0].Reason, held.Doubtful[0].Mend
		}
		if got != tt.want || mend != tt.mend || len(held.Snapshots)+len(held.Doubtful) > 1 {
			t.Errorf("%s: got %q, mended with %q; want %q, %q", tt.about, got, mend, tt.want, tt.mend)
		}
		if cached := len(held.Caches) == 1; cached != slices.Contains(tt.names, "docker-bottle/web:base") {
			t.Errorf("%s: caches %+v", tt.about, held.Caches)
		}
	}
}

// Of two images that claim one number, the one that has the name is believed,
// and no mend would take it away.
func TestAddImagesTwice(t *testing.T) {
	var held backends.Holdings
	held.AddImages([]backends.NamedImage{
		{Digest: "sha256:y", Labels: labels("web", "3", "0")},
		{Names: []string{"docker-bottle/web:3"}, Digest: "sha256:x", Labels: labels("web", "3", "0")},
	}, backends.ImageCommands{Rename: func(from, to string) string { return "name" }})
	if len(held.Snapshots) != 1 || held.Snapshots[0].Digest != "sha256:x" || len(held.Doubtful) != 1 || held.Doubtful[0].Digest != "sha256:y" || held.Doubtful[0].Mend != "" {
		t.Errorf("got %+v", held)
	}
}
