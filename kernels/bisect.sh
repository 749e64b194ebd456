#!/bin/sh
# For git bisect run, in a kernel's tree: finds the commit that changed what some claims answer.
#
#   git bisect start BAD GOOD
#   git bisect run PROJECT/kernels/bisect.sh 'socket.7/SO_MARK/*'
#
# Each step builds user-mode Linux and tries the claims on it. Good: they are answered as at the good end, in verdict and
# observations, whatever is documented. Bad: one is not. What cannot be built, booted or tried is skipped (exit 125). The
# first step tries both ends as well, and what they answer is kept in the project's build/bisect: where nothing has changed
# between them, or nothing can be told there, the bisection is aborted (exit 128), as by wrong usage.
#
# BUILD=COMMAND builds, in place of what is below, and leaves the program KERNEL (linux). MAKEFLAGS=-j8 builds faster.
# PYTHON=PATH is another interpreter than that of the project.
set -u
project=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$project/.venv/bin/python}
tree=$PWD
kernel=${KERNEL:-linux}
case $kernel in /*) ;; *) kernel=$tree/$kernel ;; esac

abort() {
    echo "bisect.sh: $1" >&2
    exit 128
}

suite() {
    (cd "$project" && "$python" -m pytest conformance/ -q "$@")
}

build() {
    if [ -n "${BUILD:-}" ]; then
        sh -c "$BUILD"
    else
        make ARCH=um defconfig &&
            ./scripts/kconfig/merge_config.sh -m .config "$project/kernels/uml.config" &&
            make ARCH=um olddefconfig && make ARCH=um linux
    fi
}

# Build what is checked out, and record what the claims answer there in a file. 125 where there is no such answer.
record() {
    file=$1
    shift
    rm -f "$kernel"
    build || return 125
    suite --kernel "uml:$kernel" --record-dir "$work" "$@"
    case $? in
        0 | 1) mv "$work"/*.jsonl "$file" || abort "the record cannot be kept" ;;
        69) return 125 ;;
        *) abort "the claims could not be tried" ;;
    esac
}

# What an end of the bisection answers, in a file.
end() {
    revision=$1
    shift
    git checkout --quiet --detach "$revision" || abort "$revision cannot be checked out"
    record "$@" || abort "$revision, an end of the bisection, cannot be built or booted"
}

# Whether a run answers as the good end does, as git takes it.
step() {
    (cd "$project" && "$python" -m reports bisect "$good" "$1")
}

[ $# -gt 0 ] || abort "which claims? for example 'socket.7/SO_RCVBUF/*'"
[ -x "$python" ] || abort "there is no $python; run 'make conformance', or name an interpreter with PYTHON"
git bisect terms >/dev/null 2>&1 || abort "no bisection is under way: git bisect start BAD GOOD"
for claim; do
    shift
    set -- "$@" --claim "$claim"
done

# The good end is one of the commits that are known to be good, and the one whose record is of this bisection.
claims=$(echo "$*" | cksum | cut -d ' ' -f 1)
begun=$(git rev-parse --git-path BISECT_START)
good=
for known in $(git for-each-ref --format='%(objectname)' "refs/bisect/$(git bisect terms --term-good)-*"); do
    kept=$project/build/bisect/$known-$claims.jsonl
    if [ -z "$good" ] || [ "$kept" -nt "$begun" ]; then good=$kept good_end=$known; fi
done
[ -n "$good" ] || abort "no commit is known to be good"
work=$(mktemp -d) || abort "no temporary folder"
trap 'rm -rf "$work"' EXIT

if ! [ "$good" -nt "$begun" ]; then
    suite --collect-only "$@" >"$work/collected" || {
        tail -n 1 "$work/collected" >&2
        abort "the claims are not known"
    }
    here=$(git rev-parse HEAD)
    trap 'rm -rf "$work"; git checkout --quiet --detach "$here"' EXIT
    mkdir -p "$project/build/bisect" || abort "the record of the good end cannot be kept"
    kept=$good good=$work/good
    end "$good_end" "$good" "$@"
    end "refs/bisect/$(git bisect terms --term-bad)" "$work/bad" "$@"
    git checkout --quiet --detach "$here" || abort "$here cannot be checked out"
    step "$work/bad"
    [ $? -eq 1 ] || abort "nothing that these claims tell has changed between the ends of the bisection"
    mv "$good" "$kept" && good=$kept
fi

record "$work/here" "$@" || exit
step "$work/here"
case $? in
    0) exit 0 ;;
    1) exit 1 ;;
    125) exit 125 ;;
    *) abort "the records cannot be compared" ;;
esac
