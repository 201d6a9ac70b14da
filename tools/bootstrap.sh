#!/bin/sh
# Finds a Python that is new enough and hands over to bootstrap.py. Usage: bootstrap.sh run|test|demo|bench|load
set -eu
# The environment's own Python, once there is one that was made here: finding another takes longer than all the rest.
if [ -x .venv/bin/python ] && [ "$(cat .venv/.stamps/root 2>/dev/null)" = "$(pwd -P)" ]; then
    exec .venv/bin/python tools/bootstrap.py "$1"
fi
for python in python3.13 python3.12 python3.11 python3.14 python3 python; do
    if command -v "$python" >/dev/null 2>&1 &&
        "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
        exec "$python" tools/bootstrap.py "$1"
    fi
done
echo "wallet-service needs Python 3.11 or newer, and none was found on the PATH" >&2
exit 1
