# The two commands of the README, and what stands behind them. A prebuilt DuckDB library is linked
# where there is one for this machine; else cargo compiles DuckDB (`cargo build` always does).

DUCKDB_LIB_DIR ?= $(shell .ci/duckdb)
ifneq ($(DUCKDB_LIB_DIR),)
export DUCKDB_LIB_DIR
FLAGS = --no-default-features --features console
BARE = --no-default-features
else
unexport DUCKDB_LIB_DIR
FLAGS =
BARE = --no-default-features --features bundled
endif

.PHONY: demo test torture fuzz check bench bench-gate soak package install deb

# The whole pipeline over the fixtures, into a temporary database, and a report.
demo:
	cargo build $(FLAGS)
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	mill="cargo run --quiet $(FLAGS) --"; \
	$$mill run --sessions fixtures/sessions --database "$$folder/demo.duckdb"; \
	$$mill report --by day --database "$$folder/demo.duckdb" --no-refresh --timezone UTC

# Every test.
test:
	cargo test --workspace $(FLAGS)

# The random tests thirty times as long: 3,000 kills, 4,800 sequences of actions.
torture:
	SESSIONMILL_TORTURE=$${TIMES:-30} cargo test $(FLAGS) --test world -- random_ clocks

# Formatting and lints, warnings denied; also of the program without the console.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(FLAGS) -- --deny warnings
	cargo clippy $(BARE) -- --deny warnings

# Times on a generated corpus; `make bench ARGS="--help"` shows the choices.
bench:
	cargo bench --bench pipeline $(FLAGS) -- $(ARGS)

# The same on less, and an error if something has become slower: a ratio of CPU times is over its bound.
bench-gate:
	cargo bench --bench pipeline $(FLAGS) -- --gate --size 150MB --events 250000 --people 5000 --runs 3 $(ARGS)

# The daemon under load, with kills and stops: `make soak ARGS="--minutes 5"`; a quarter of an hour if not
# said. PROFILE=dev takes the build of the tests.
PROFILE = bench
soak:
	cargo bench --bench soak --profile $(PROFILE) $(FLAGS) -- $(ARGS)

# What is installed: the program, its DuckDB library if there is a prebuilt one, manual pages and completions.
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
PACKAGE = $(TARGET_DIR)/release/package
MILL = LD_LIBRARY_PATH=$(DUCKDB_LIB_DIR) $(TARGET_DIR)/release/sessionmill
package:
	SESSIONMILL_RPATH='$$ORIGIN/../lib/sessionmill' cargo build --release $(FLAGS)
	rm -rf $(PACKAGE) && mkdir -p $(PACKAGE)
	$(MILL) man --out $(PACKAGE)/man && gzip -9n $(PACKAGE)/man/*.1
	set -e; for shell in bash fish zsh; do $(MILL) completions $$shell > $(PACKAGE)/completion.$$shell; done
ifneq ($(DUCKDB_LIB_DIR),)
	strip --strip-unneeded -o $(PACKAGE)/libduckdb.so $(DUCKDB_LIB_DIR)/libduckdb.so
	cp $(DUCKDB_LIB_DIR)/LICENSE $(PACKAGE)/LICENSE.duckdb
endif

# Into a folder of one's own: `make install PREFIX=/usr/local` for everybody.
PREFIX ?= $(HOME)/.local
SHARE = $(DESTDIR)$(PREFIX)/share
install: package
	install -D --strip $(TARGET_DIR)/release/sessionmill $(DESTDIR)$(PREFIX)/bin/sessionmill
	install -D --mode=644 --target-directory=$(SHARE)/man/man1 $(PACKAGE)/man/*.1.gz
	install -D --mode=644 $(PACKAGE)/completion.bash $(SHARE)/bash-completion/completions/sessionmill
	install -D --mode=644 $(PACKAGE)/completion.fish $(SHARE)/fish/vendor_completions.d/sessionmill.fish
	install -D --mode=644 $(PACKAGE)/completion.zsh $(SHARE)/zsh/site-functions/_sessionmill
ifneq ($(DUCKDB_LIB_DIR),)
	install -D --mode=644 --target-directory=$(DESTDIR)$(PREFIX)/lib/sessionmill $(PACKAGE)/libduckdb.so $(PACKAGE)/LICENSE.duckdb
endif

# The Debian package: needs `cargo install cargo-deb`.
deb: package
	cargo deb --no-build --strip $(if $(DUCKDB_LIB_DIR),--variant prebuilt)

# A target of the fuzzer, until it is stopped: `make fuzz TARGET=lines`, also `keys`, `forms`, `dialects`. Needs
# a nightly toolchain and `cargo install cargo-fuzz`.
TARGET ?= dialects
fuzz:
	mkdir -p target/fuzz/corpus/$(TARGET)
	LD_LIBRARY_PATH=$(DUCKDB_LIB_DIR) cargo +nightly fuzz run $(FLAGS) \
	    --fuzz-dir tests/fuzz --target-dir target/fuzz $(TARGET) \
	    target/fuzz/corpus/$(TARGET) tests/fuzz/corpus/$(TARGET) -- $(ARGS)
