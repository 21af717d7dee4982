# make run    a sandbox with a pull request page on this machine
#             (make run LISTEN=127.0.0.1:9000 serves it at another address)
# make once   the same scenario in the terminal, without a person
# make test   all tests
# make test-long  all that make test has a part of: each moment of a crash, hostile configurations in every world, a thousand plans at once
# make chart  renders the Helm chart, and looks at what Kubernetes would get; part of make test-long
# make vm     fetches the virtual machine on which make test-long tries control groups
# make check  what a change must pass: format, vet, staticcheck, actionlint, cfn-lint and asl-validator, tests with the race detector
# make bench  how much Lockkeeper adds to bare terraform; writes bench.json
# make build  bin/lockkeeper, bin/lockkeeper-runner and bin/lockkeeper-evaluator
# make sbom   bin/sbom: what each of the three programs is made of (CycloneDX)
# make update rewrites golden files
# make fuzz   each fuzz target for FUZZTIME

GO ?= go
FUZZTIME ?= 30s
LISTEN ?=
# Static binaries, and no C compiler needed. The race detector needs one.
export CGO_ENABLED ?= 0

# Said last, whatever the tests say, when those of the AWS engine were left out.
SKIPPED = status=$$?; if [ "$$LOCKKEEPER_SKIP_AWS" = 1 ]; then echo 'LOCKKEEPER_SKIP_AWS=1: of the AWS engine nothing was run: no test that needs the emulator, no check of the template by cfn-lint and of the state machine by asl-validator.'; fi; exit $$status

.PHONY: run once build sbom test test-long chart check format vet staticcheck actionlint aws-lint race bench fuzz update browser vm

run: build
	bin/lockkeeper sandbox $(if $(LISTEN),--listen $(LISTEN))

once: build
	bin/lockkeeper sandbox --once

build:
	$(GO) build -trimpath -o bin/ . ./runner/lockkeeper-runner ./policy/rego/lockkeeper-evaluator

sbom: build
	deploy/sbom/programs.sh bin/sbom bin/lockkeeper bin/lockkeeper-runner bin/lockkeeper-evaluator

# With -trimpath what is compiled in one directory counts in every other, such as a fresh
# clone. Many tests wait for processes, so more of them run at once than there are processors.
test: vet browser
	@$(GO) test -trimpath -vet=off -p 3 -parallel 4 -timeout 40m ./...; $(SKIPPED)

# With LOCKKEEPER_TEST_LONG tests go through everything of which they otherwise try a part.
test-long: vm chart
	LOCKKEEPER_TEST_LONG=1 $(GO) test -trimpath -tags long -timeout 120m ./...

# Renders the Helm chart and looks at what Kubernetes would get, in a module of its own:
# Helm and the types of Kubernetes are many.
chart:
	cd charts/test && $(GO) test ./...

check: format vet staticcheck actionlint aws-lint browser race

format:
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "not formatted by gofmt:"; echo "$$files"; exit 1; fi

vet:
	$(GO) vet -trimpath ./...

staticcheck:
	$(GO) tool staticcheck ./...

# The workflows and the action. A program of its own modules, so that go.mod stays small.
actionlint:
	$(GO) run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# The template and the state machine of the AWS engine.
aws-lint:
	@if [ "$$LOCKKEEPER_SKIP_AWS" != 1 ]; then deploy/aws/lint.sh; fi

race:
	@CGO_ENABLED=1 $(GO) test -trimpath -vet=off -race -timeout 40m ./...; $(SKIPPED)

bench: build
	$(GO) run ./bench -lockkeeper bin/lockkeeper -out bench.json

# Rewrites golden files; read the difference before you commit it.
update:
	cd charts/test && $(GO) test . -update
	$(GO) test ./charts ./commands ./config ./deploy/aws ./e2e ./gate ./policy ./policy/rego ./project ./report ./runner/summary ./sandbox/markdown -update

fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

# The page's test drives a real browser. On Debian as root it is installed when
# it is missing; elsewhere install Chromium, or set LOCKKEEPER_SKIP_BROWSER=1.
browser:
	@if [ -z "$$LOCKKEEPER_SKIP_BROWSER" ] && ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null \
	    && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing Chromium for the test of the pull request page"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	fi

# make test-long tries the jail, and what limits it, on a virtual machine with Debian's
# kernel. On Debian as root its parts are fetched when they are missing; elsewhere put a
# kernel and a static busybox into bin/vm, or set LOCKKEEPER_SKIP_VM=1.
vm:
	@if [ "$$LOCKKEEPER_SKIP_VM" != 1 ] && { [ ! -e bin/vm/vmlinuz ] || ! command -v qemu-system-x86_64 >/dev/null; } \
	    && [ "$$(uname -m)" = x86_64 ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  set -e; echo "fetching a virtual machine for the test of control groups"; \
	  apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-system-x86 >/dev/null; \
	  rm -rf bin/vm; mkdir -p bin/vm/deb; cd bin/vm/deb; \
	  apt-get download -qq busybox-static "$$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)"; \
	  dpkg-deb --fsys-tarfile busybox-static_*.deb | tar -xO ./bin/busybox > ../busybox; chmod +x ../busybox; \
	  dpkg-deb --fsys-tarfile linux-image-*.deb | tar -xO --wildcards './boot/vmlinuz-*' > ../vmlinuz; cd ..; rm -rf deb; \
	fi
