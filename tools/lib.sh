# Sourced by the scripts beside it: where things are, and how they talk.
# shellcheck shell=bash
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck disable=SC2034  # used by those who source this
root=$PWD cache=$PWD/.cache venv=$PWD/.cache/venv
mkdir -p "$cache/bin"
export PATH="$cache/bin:$PATH"

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# run says what it does, does it, and says how long it took. Inside a shell
# function that it runs, a failing command ends nothing: chain with &&.
run() {
	local begin=$SECONDS status=0
	say "$*"
	"$@" || status=$?
	note "$1: $((SECONDS - begin)) s, exit $status"
	return "$status"
}

# attempt runs a step of several that are all worth running; the script ends
# with `finish`, which fails if any of them did.
failed=()
attempt() {
	run "$@" || failed+=("$*")
}

finish() {
	[ ${#failed[@]} -eq 0 ] && return 0
	say "failed:"
	printf '    %s\n' "${failed[@]}" >&2
	exit 1
}
