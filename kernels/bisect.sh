#!/bin/sh
# For git bisect run, in a kernel's tree:
#
#   git bisect start BAD GOOD
#   git bisect run PROJECT/kernels/bisect.sh 'socket.7/SO_MARK/*'
#
# Builds user-mode Linux and tries claims on it. Good: they all hold as documented. Bad: one does not.
# A kernel that cannot be built or booted is skipped (exit 125). MAKEFLAGS=-j8 builds faster; KERNEL=PATH tries a
# kernel that is built already, PYTHON=PATH another interpreter; what is declared to differ counts as bad, so that known changes can be found too.
set -u
project=$(cd "$(dirname "$0")/.." && pwd)
claim=${1:?which claims? for example 'socket.7/SO_MARK/*'}

if [ -z "${KERNEL:-}" ]; then
    make ARCH=um defconfig &&
        ./scripts/kconfig/merge_config.sh -m .config "$project/kernels/uml.config" &&
        make ARCH=um olddefconfig && make ARCH=um linux || exit 125
    KERNEL=$PWD/linux
fi
case $KERNEL in /*) ;; *) KERNEL=$PWD/$KERNEL ;; esac

cd "$project" || exit 125
"${PYTHON:-.venv/bin/python}" -m pytest conformance/ -q --as-documented --kernel "uml:$KERNEL" --claim "$claim"
case $? in
    0) exit 0 ;;
    1) exit 1 ;;
    *) exit 125 ;;
esac
