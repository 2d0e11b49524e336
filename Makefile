# Two commands do everything: `make run` and `make test`. The rest is for CI and for AWS.
.PHONY: run test test-deep lint bench admin build deploy aws-tools lambda-watch lambda-watch-test sam-local-test dev-frontend

run: ## the whole service on http://127.0.0.1:3000 (PORT, VESTIBULE_DATA, VESTIBULE_FRONTEND)
	@fault=$$(tools/frontend.sh update) && export VESTIBULE_FRONTEND_FAULT="$$fault" && \
	exec cargo run --profile local --package devserver

test: ## all tests; those of the front end where npm is installed, the attack by the API's document where Python is
	cargo test --workspace --locked
	tools/frontend.sh test
	tools/frontend.sh browser
	tools/schemathesis.sh quick

test-deep: ## the long forms: fuzzing, faults, attacks by the API's document; an hour (QUICK=1: minutes)
	tools/test-deep.sh

lint: ## format, lints, docs; the template, the workflows, secrets and the front end where their tools are installed
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	tools/check-lean.sh
	tools/lint-template.sh
	tools/lint-workflows.sh
	tools/scan-secrets.sh
	tools/frontend.sh lint
	@if command -v cargo-deny >/dev/null; then cargo deny --offline check bans licenses sources; else echo "cargo-deny is not installed: licences and bans were not checked (cargo install cargo-deny)"; fi

bench: ## start-up, size, CPU, Argon2 by library, scale, cost, load, peers, pages; rewrites bench/RESULTS.md
	bench/peers/install.sh
	tools/frontend.sh bench
	cargo build --release --locked --package floor --package hello
	cargo build --release --locked --package sdk-call
	cargo build --release --locked --package micro
	tools/function-groups.sh | while read -r functions; do \
		cargo build --release --locked $$(printf -- '--package=%s ' $$functions) || exit; \
	done
	cargo build --release --locked --manifest-path bench/hashes/Cargo.toml --target-dir target/hashes
	cargo build --profile local --locked --package devserver
	cargo run --profile local --locked --package bench -- all

admin: ## the operators' command line: make admin ARGS="--local users list"
	@cargo run --quiet --profile local --package admin -- $(ARGS)

build: ## every function as it is deployed in dev
	tools/sam-build.sh --config-env dev

deploy: ## make deploy ENV=dev: the stack, then the front end
	tools/deploy.sh $(ENV)

aws-tools: ## SAM, cargo-lambda and the linters of template and workflows, pinned, under .local/
	tools/aws-tools.sh

lambda-watch: ## the functions under cargo-lambda's runtime emulator
	tools/lambda-watch.sh

lambda-watch-test: ## the journey of a user through that emulator
	tools/lambda-watch-test.sh

sam-local-test: ## the journey, and every event of events/, under SAM's emulator (needs Docker)
	tools/sam-local-test.sh

dev-frontend: ## the front end with every edit at once, on http://127.0.0.1:5173, beside make run
	@tools/frontend.sh dev
