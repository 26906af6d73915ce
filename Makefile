# uredit: the two commands a newcomer needs are `make demo` and `make test`.
# Every target installs what it is missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BUILD := build
ORT   := $(BUILD)/onnxruntime/libonnxruntime.so
export UREDIT_ORT_LIBRARY ?= $(CURDIR)/$(ORT)

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
	go build -o bin/ureditd ./cmd/ureditd
	CGO_ENABLED=0 go build -o bin/uredit ./cmd/uredit

.PHONY: help deps packages build
