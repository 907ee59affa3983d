#!/bin/sh
# Builds the wheel into dist/ and prints its path. The same commit gives the same bytes.
#
# PYTHON names the interpreter to build with (default: tools/find-python decides).
set -eu
cd "$(dirname "$0")"
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX

venv=.venv-build
stamp=$venv/.hatchling-$(cksum <locks/build.txt | tr -s ' \t' '-')
if [ ! -x $venv/bin/python ] || [ ! -e "$stamp" ]; then
    python=$(tools/find-python)
    "$python" -m venv --clear $venv
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement locks/build.txt >&2
    : >"$stamp"
fi

if [ -z "${SOURCE_DATE_EPOCH-}" ] && command -v git >/dev/null 2>&1; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null) || SOURCE_DATE_EPOCH=
fi
if [ -n "${SOURCE_DATE_EPOCH-}" ]; then
    export SOURCE_DATE_EPOCH
else
    unset SOURCE_DATE_EPOCH
fi

rm -f dist/foundations_sdk-*.whl
$venv/bin/python -m hatchling build --target wheel --directory dist >/dev/null
ls dist/foundations_sdk-*.whl
