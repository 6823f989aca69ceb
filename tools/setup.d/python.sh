# The Python environment of the tests. Sourced by tools/setup.
# shellcheck shell=bash disable=SC2154  # venv and root come from lib.sh

# versions that a function may come from or go to.
minors=(3.9 3.10 3.11 3.12 3.13)

# real follows a version manager's shim to the interpreter behind it: a shim
# is slow and changes its mind with the directory. Fails if it does not run.
real() {
	"$1" -c 'import os, sys; print(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))' 2>/dev/null
}

# python_of prints the interpreter of one minor version, or nothing.
python_of() {
	local candidate found
	for candidate in "python$1" "$HOME/.pyenv/versions/$1".*/bin/python "/opt/python/$1"*/bin/python; do
		found=$(real "$candidate") || continue
		[ "$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "$1" ] || continue
		echo "$found"
		return
	done
	! have uv || uv python find --no-python-downloads "$1" 2>/dev/null || true
}

# interpreters prints all of them, separated by colons, and names the missing.
interpreters() {
	local minor found all=() absent=()
	for minor in "${minors[@]}"; do
		found=$(python_of "$minor")
		[ -n "$found" ] || found=$(python_from_apt "$minor")
		if [ -n "$found" ]; then all+=("$found"); else absent+=("python$minor"); fi
	done
	[ ${#absent[@]} -eq 0 ] || note "no ${absent[*]}: the pairs of versions with them are skipped"
	(IFS=: && echo "${all[*]}")
}

# python_from_apt installs the version if this system's packages have it.
python_from_apt() {
	can_install && apt-cache show "python$1-venv" >/dev/null 2>&1 || return 0
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq \
		install -y --no-install-recommends "python$1" "python$1-venv" >&2 || return 0
	real "python$1" || true
}

# virtualenv makes .cache/venv with our packages in it, editable, and makes it
# again when what it was made from changes.
virtualenv() {
	local base stamp
	base=$(real python3) || {
		note "no python3: install Python 3.9 or newer"
		return 1
	}
	if [ ! -f python/pyproject.toml ]; then
		note "no python/pyproject.toml: nothing to install"
		return 0
	fi
	stamp="$base $(cat python/pyproject.toml compat/funcx/pyproject.toml | cksum)"
	[ "$(cat "$venv/.stamp" 2>/dev/null)" = "$stamp" ] && return 0
	rm -rf "$venv"
	"$base" -m venv "$venv" || {
		note "cannot make a virtual environment: install python3-venv"
		return 1
	}
	"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable './python[test]' --editable ./compat/funcx &&
		echo "$stamp" >"$venv/.stamp"
}
