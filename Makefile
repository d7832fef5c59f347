# make help lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Where rustup puts cargo, for shells that have not read its profile.
export PATH := $(PATH):$(HOME)/.cargo/bin

# Data directory of `make run`.
DATA ?= var/demo

# Where `make run` keeps readings: embedded, or influxdb2 with its address in INFLUXDB2_URL, _ORG, _BUCKET and _TOKEN.
STORE ?=
# Where `make install` puts the program: PREFIX/bin.
PREFIX ?= /usr/local

# A linker for cargo, the C compiler that SQLite is built with, and what TLS by OpenSSL is built with.
BUILD_NEEDS := cc=gcc /usr/include/stdlib.h=libc6-dev /etc/ssl/certs/ca-certificates.crt=ca-certificates \
	pkg-config=pkg-config /usr/include/openssl/ssl.h=libssl-dev
# One set of features for every target, so that one build serves them all and the tests speak TLS too.
FEATURES := --features native-tls
TEST_NEEDS := openssl=openssl mosquitto=mosquitto mosquitto_pub=mosquitto-clients chromium=chromium chromedriver=chromium-driver \
	victoria-metrics=victoria-metrics promtool=prometheus \
	/usr/bin/python3=python3 /usr/lib/python3/dist-packages/paho/mqtt/client.py=python3-paho-mqtt \
	/usr/lib/python3/dist-packages/jsonschema/__init__.py=python3-jsonschema \
	/usr/bin/node=nodejs /usr/share/nodejs/mqtt/package.json=node-mqtt \
	/usr/lib/node_modules/axe-core/axe.min.js=npm:axe-core@4.11.0

# The release directory, wherever CARGO_TARGET_DIR or cargo's own settings put it.
RELEASE = $$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release

# Readings of `make simulate`, and the seed it begins with.
READINGS ?= 100000000
SEED ?= 1

# How often `make kill` kills.
KILLS ?= 200

# How long `make soak` lasts.
MINUTES ?= 30

# How many times the inputs of the tests `make fuzz` tries.
FUZZ ?= 50

# Where the advisory database of RustSec is, for `make audit`.
ADVISORIES ?= $(HOME)/.cargo/advisory-db

.PHONY: help run install demo test check audit bench simulate kill soak fuzz bless screenshots build-needs test-needs cargo

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: build-needs ## build, then run on seeds and recorded readings until Ctrl-C (DATA=var/demo, STORE=influxdb2)
	@cargo build --release $(FEATURES)
	@[ -z "$(STORE)" ] || export SKYTIER__STORE__KIND="$(STORE)"; \
	for name in URL ORG BUCKET TOKEN; do \
	  given=INFLUXDB2_$$name; \
	  if [ -n "$${!given:-}" ]; then export "SKYTIER__STORE__INFLUXDB2__$$name=$${!given}"; fi; \
	done; \
	exec "$(RELEASE)/skytier" demo --data "$(DATA)"

install: build-needs ## build and put the program under PREFIX=/usr/local
	cargo install --locked $(FEATURES) --path . --root "$(PREFIX)"

demo: run ## the same as run

test: build-needs test-needs ## all tests, with a real broker and a real browser
	cargo test --release $(FEATURES)

# Clippy also complains about what rust-version in Cargo.toml does not have yet.
check: build-needs ## format, lints, documentation, then make test
	cargo fmt --all --check
	cargo clippy --release --all-targets $(FEATURES) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --release $(FEATURES)
	@$(MAKE) --no-print-directory audit
	@$(MAKE) --no-print-directory test

audit: ## known advisories of the dependencies, where cargo-audit and a database of them are at hand (ADVISORIES=DIR)
	@if ! command -v cargo-audit > /dev/null; then \
	  echo "NOT RUN: the dependency audit: cargo-audit is not installed"; \
	elif [ ! -d "$(ADVISORIES)/crates" ]; then \
	  echo "NOT RUN: the dependency audit: $(ADVISORIES) is no advisory database; ADVISORIES=DIR names one"; \
	else \
	  cargo audit --no-fetch --stale --db "$(ADVISORIES)"; \
	fi

bench: build-needs ## MQTT to disk beside Mosquitto, which keeps nothing; the store, InfluxDB's adapter, one late hour, pages, scans, a nation's year, credit under load; some minutes
	@.ci/need mosquitto=mosquitto mosquitto_sub=mosquitto-clients
	cargo bench $(FEATURES) --bench ingest
	@.ci/need victoria-metrics=victoria-metrics influxd=influxdb || echo "skytier: the peers of the store are left out"
	cargo bench $(FEATURES) --bench store
	cargo bench $(FEATURES) --bench late
	cargo bench $(FEATURES) --bench pages
	@.ci/need python3=python3-venv || echo "skytier: polars and DuckDB are left out"
	cargo bench $(FEATURES) --bench scan
	cargo bench $(FEATURES) --bench nation
	cargo bench $(FEATURES) --bench influxdb2
	@.ci/need nginx=nginx-light || echo "skytier: nginx is left out"
	cargo bench $(FEATURES) --bench credit

simulate: build-needs ## many lives of the daemon, full of faults, against a naive model (READINGS=100000000 SEED=1)
	SKYTIER_SIM_SEED=$(SEED) SKYTIER_SIM_READINGS=$(READINGS) cargo test --release $(FEATURES) --test it simulation::in_the_end -- --nocapture

kill: build-needs ## kill the daemon under load, and the store at each moment of its work (KILLS=200)
	SKYTIER_KILLS=$(KILLS) cargo test --release $(FEATURES) --test it route::kills -- --nocapture --test-threads 1

soak: build-needs ## a county's stations coming and going, with strangers at the door: memory, descriptors, nothing lost (MINUTES=30)
	SKYTIER_SOAK_MINUTES=$(MINUTES) cargo test --release $(FEATURES) --test it soak -- --nocapture

fuzz: build-needs ## mutated payloads, topics, files, tables, databases and packets (FUZZ=50)
	SKYTIER_FUZZ=$(FUZZ) cargo test --release $(FEATURES) --test it -- fuzz damaged_packets --nocapture --test-threads 1

bless: build-needs ## accept the charts as they are drawn now
	SKYTIER_BLESS=1 cargo test --release $(FEATURES) --test it charts

screenshots: build-needs test-needs ## take the pictures of pages in the README anew
	SKYTIER_PICTURES=1 cargo test --release $(FEATURES) --test it whole::the_readme

build-needs: cargo
	@.ci/need $(BUILD_NEEDS)

test-needs:
	@.ci/need $(TEST_NEEDS)

cargo:
	@command -v cargo >/dev/null || { echo "skytier: cargo is missing; install Rust first" >&2; exit 1; }
