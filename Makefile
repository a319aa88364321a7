# An Nhi. `make up` runs the service, `make test` proves it; both make what they need first.

VENV ?= .venv
UV ?= uv
BIN := $(VENV)/bin
READY := $(VENV)/.annhi-ready
PYTEST_ARGS ?=

.PHONY: help up demo reset test lint format bench lock audit
.DEFAULT_GOAL := help

help: ## Những lệnh có sẵn · what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): deploy/requirements.lock deploy/bootstrap pyproject.toml
	@deploy/bootstrap $(VENV)
	@touch $@

up: $(READY) ## Chạy dịch vụ · run the service
	@exec $(BIN)/annhi up

demo: $(READY) ## Một hồ sơ từ đầu đến cuối · one case from report to closure
	@exec $(BIN)/annhi demo

reset: $(READY) ## Xóa dữ liệu, có hỏi · remove the data, after asking
	@exec $(BIN)/annhi reset

test: $(READY) ## Kiểm thử tất cả · every test
	@exec $(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(READY) ## Quy tắc của nhà · the house rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Định dạng · format
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY) ## Đo tốc độ · measure
	@exec $(BIN)/python -m tests.bench

lock: ## Khóa lại các gói (cần uv) · lock the packages anew (needs uv)
	$(UV) pip compile pyproject.toml deploy/build.in --extra dev --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-header --no-emit-index-url --upgrade --output-file deploy/requirements.lock

audit: ## Hỏi lỗ hổng đã biết của các gói (cần uv và mạng) · ask for known weaknesses of the packages
	$(UV) tool run pip-audit --requirement deploy/requirements.lock --require-hashes --disable-pip
