.PHONY: demo test test-compose simulate chaos venv dev clean help

help:  ## say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.venv/ready: pyproject.toml scripts/make-venv
	@PYTHON="$(PYTHON)" scripts/make-venv

demo: .venv/ready  ## an election on three nodes that loses its leader, in under a minute
	@.venv/bin/quorate demo

test: .venv/ready  ## lint, types, import contracts, generated code, all tests
	@.venv/bin/tox

SIMULATE = $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) $(if $(FIRST),--first $(FIRST)))
SIMULATE += $(if $(NODES),--nodes $(NODES)) $(if $(MUTATION),--mutation $(MUTATION)) $(if $(TRACE),--trace)

simulate: .venv/ready  ## crashes, cuts and clocks under virtual time: SEEDS=10000, or SEED=7 NODES=5 TRACE=1
	@PYTHONPATH=tests .venv/bin/python -m simulation.run $(SIMULATE)

CHAOS = --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED)) $(if $(NODES),--nodes $(NODES))
CHAOS += $(if $(KINDS),--kinds $(KINDS)) $(if $(BREAK),--break $(BREAK)) $(if $(OUT),--out $(OUT))

chaos: .venv/ready  ## real nodes under real faults, judged: SECONDS=600, or SEED=7 NODES=5 KINDS=kill-all,latency
	@PYTHONPATH=tests .venv/bin/python -m chaos.run $(CHAOS)

test-compose: .venv/ready  ## the cluster of docker-compose.yml, on a real Docker engine
	@.venv/bin/python -m pip install -q --group test
	@.venv/bin/python -m pytest tests/compose

venv: .venv/ready  ## set up .venv with the quorate commands

dev: .venv/ready  ## everything for working on Quorate, in .venv
	@.venv/bin/python -m pip install -q --group dev

clean:  ## take away all that was made here
	rm -rf .venv .tox .hypothesis .mypy_cache .pytest_cache .ruff_cache dist
