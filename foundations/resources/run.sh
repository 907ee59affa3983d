#!/bin/sh
# Runs the job of this bundle: the interpreter on main.py, with the extracted project directory as working directory.
# The execution environment calls it by its absolute path, and sets
#   FOUNDATIONS_PYTHON          the interpreter (default: python3)
#   FOUNDATIONS_JOB_DIRECTORY   the job's directory; this script is in its bundle/
#   FOUNDATIONS_RUNTIME         where runtime.tgz was extracted
#   FOUNDATIONS_LOCK            the descriptor of the job's lock, inherited
set -eu
here=${0%/*}
: "${FOUNDATIONS_JOB_DIRECTORY:?is set by the execution environment that runs this bundle}"
cd -- "$FOUNDATIONS_JOB_DIRECTORY/project"
exec "${FOUNDATIONS_PYTHON:-python3}" "$here/main.py"
