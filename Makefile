# Everything below needs Go, make and a Docker engine; nothing is pulled.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PLUGINS := $(or $(DOCKER_CONFIG),$(HOME)/.docker)/cli-plugins
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: help build install demo test crash conformance lint bench transcript

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

build: ## Build bin/docker-bottle
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/docker-bottle .

install: build ## Install the plugin for this user
	mkdir -p "$(PLUGINS)"
	cp bin/docker-bottle "$(PLUGINS)/docker-bottle"

demo: install bin/busybox ## Start, commit, lose and resume a bottle
	hack/demo.sh bin/busybox

test: bin/busybox bin/tmux ## Run all tests, against the real engine
	GORACE=atexit_sleep_ms=10 BOTTLE_TEST_BUSYBOX="$(CURDIR)/bin/busybox" BOTTLE_TEST_TMUX="$(CURDIR)/bin/tmux" go test -race -p 1 -timeout 40m ./...

crash: bin/busybox bin/tmux ## Kill every verb at every step, and list the steps
	CI=true BOTTLE_TEST_CRASH=all GORACE=atexit_sleep_ms=10 BOTTLE_TEST_BUSYBOX="$(CURDIR)/bin/busybox" BOTTLE_TEST_TMUX="$(CURDIR)/bin/tmux" go test -race -timeout 30m -count=1 -v -run TestKilled .

BACKEND := docker
# A static one for the engine's own architecture: linux/arm64 on a Mac.
BUSYBOX := bin/busybox

conformance: $(BUSYBOX) ## Run the conformance suite against the real engine of BACKEND
	CI=true BOTTLE_TEST_REAL=1 BOTTLE_TEST_BUSYBOX="$(abspath $(BUSYBOX))" go test -timeout 60m -count=1 -v -run 'TestConformance$$' ./backends/$(subst -,,$(BACKEND))

lint: ## Check formatting, vet, staticcheck, the layers and go.mod
	test -z "$$(gofmt -l .)"
	go vet ./...
	GOOS=windows go vet . ./agents ./backends ./backends/docker ./backends/inside ./backends/macoscontainer ./backends/smolmachines ./backends/tool ./ociarchive ./bottle ./bottlestate ./commands ./dirtar ./tempdir
	GOOS=darwin go vet ./...
	go run $(STATICCHECK) ./...
	go test -run TestLayering .
	go mod tidy -diff

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
