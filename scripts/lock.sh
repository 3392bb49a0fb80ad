#!/bin/sh
# Rewrites requirements/*.txt from pyproject.toml: exact versions with the hashes of every file of the release,
# for Python 3.11 and later on every platform. No index address is written.
# Needs Python 3.11 and uv (a Python package of that name). Arguments go to uv: scripts/lock.sh --upgrade
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "lock: uv is missing: pip install uv" >&2; exit 1; }

extra() { # the requirements of one extra, without those of the package itself
    python3 -c "import sys, tomllib
print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies'][sys.argv[1]], sep='\n')" "$1"
}

lock() { # lock NAME TITLE SOURCE ARGUMENT...
    output=requirements/$1.txt title=$2
    shift 2
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --output-file "$output" "$@" >/dev/null
    printf '# %s. Written by scripts/lock.sh.\n' "$title" | cat - "$output" >"$output.new"
    mv "$output.new" "$output"
}

lock core "What caveat runs on" pyproject.toml "$@"
lock build "What builds the package" requirements/build.in -c requirements/core.txt "$@"
extra postgres | lock postgres "An OMOP database on a PostgreSQL server" - -c requirements/core.txt "$@"
extra batch | lock batch "Cohorts" - -c requirements/core.txt -c requirements/build.txt -c requirements/postgres.txt "$@"
extra service | lock service "The HTTP service" - -c requirements/core.txt -c requirements/batch.txt "$@"
extra dev | lock dev "Tests and checks" - -c requirements/core.txt -c requirements/build.txt -c requirements/batch.txt -c requirements/service.txt "$@"
extra spark | lock spark "Cohorts past one machine" - -c requirements/batch.txt "$@"
extra durable | lock durable "The durable evaluator" - -c requirements/core.txt "$@"
extra bench | lock bench "Peers in the benchmarks" - -c requirements/core.txt -c requirements/batch.txt -c requirements/service.txt "$@"
