# Everything below needs Go, make and a Docker engine; nothing is pulled.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PLUGINS := $(or $(DOCKER_CONFIG),$(HOME)/.docker)/cli-plugins
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
GORELEASER := github.com/goreleaser/goreleaser/v2@v2.15.1

.PHONY: help build install uninstall demo test crash conformance lint cross docs release-check transcript bench

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

# With the flags of make lint and make cross, so that they share what is
# compiled: -trimpath is for releases.
build: ## Build bin/docker-bottle
	CGO_ENABLED=0 go build -ldflags "-s -w -X main.version=$(VERSION)" -o bin/docker-bottle .

# Copied beside and renamed: the plugin that is there may be running, and macOS
# kills one that was written over.
install: build ## Install the plugin for this user
	@mkdir -p "$(PLUGINS)"
	@new="$(PLUGINS)/.docker-bottle.$$$$" && cp bin/docker-bottle "$$new" && mv -f "$$new" "$(PLUGINS)/docker-bottle"
	@echo "installed $(PLUGINS)/docker-bottle; try it with: docker bottle version"

uninstall: ## Remove the plugin, and no bottle
	rm -f "$(PLUGINS)/docker-bottle"

demo: install bin/busybox ## Start, commit, lose and resume a bottle
	hack/demo.sh bin/busybox

# One package after the other, as tests wait for each other's engine, and within
# one more tests at once than there are processors: they mostly wait for it. All
# is compiled before.
test: export GORACE = atexit_sleep_ms=10
test: export BOTTLE_TEST_BUSYBOX = $(CURDIR)/bin/busybox
test: export BOTTLE_TEST_TMUX = $(CURDIR)/bin/tmux
test: bin/busybox bin/tmux ## Run all tests, against the real engine
	go build -race ./...
	go test -race -p 1 -parallel 6 -timeout 40m ./...

crash: bin/busybox bin/tmux ## Kill every verb at every step, and list the steps
	CI=true BOTTLE_TEST_CRASH=all GORACE=atexit_sleep_ms=10 BOTTLE_TEST_BUSYBOX="$(CURDIR)/bin/busybox" BOTTLE_TEST_TMUX="$(CURDIR)/bin/tmux" go test -race -parallel 8 -timeout 60m -count=1 -v -run TestKilled .

BACKEND := docker
# A static one for the engine's own architecture: linux/arm64 on a Mac.
BUSYBOX := bin/busybox

conformance: $(BUSYBOX) ## Run the conformance suite against the real engine of BACKEND
	CI=true BOTTLE_TEST_REAL=1 BOTTLE_TEST_BUSYBOX="$(abspath $(BUSYBOX))" go test -timeout 60m -count=1 -v -run 'TestConformance$$' ./backends/$(subst -,,$(BACKEND))

# One setting of cgo, so that vet, staticcheck and make build share what is
# compiled. The layers are a test, and so in make test.
lint: export CGO_ENABLED = 0
lint: ## Check formatting, vet for each system, staticcheck, go.mod and the release's config
	test -z "$$(gofmt -l .)"
	go vet ./...
	GOOS=windows go vet ./...
	GOOS=darwin GOARCH=arm64 go vet ./...
	go run $(STATICCHECK) ./...
	go mod tidy -diff
	go -C hack/goreleaser vet .
	go -C hack/goreleaser run . "$(CURDIR)/.goreleaser.yaml"

PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

cross: ## Compile for every system that is released
	for p in $(PLATFORMS); do CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build -o /dev/null . || exit; done

docs: ## Write docs/reference from the commands
	go run ./hack/docs

release-check: ## Build a release twice, compare, and look into its packages; publishes nothing
	hack/release-check.sh $(GORELEASER)

# For example BENCH='-only chain -rounds 300'.
BENCH :=

transcript: install bin/busybox ## Draw docs/transcript.svg from a real run
	hack/transcript.sh bin/busybox docs/transcript.svg

bench: bin/busybox build ## Compare with plain docker
	go run ./hack/bench $(BENCH)

bin/busybox:
	hack/busybox.sh bin

bin/tmux:
	hack/tmux.sh bin/tmux
