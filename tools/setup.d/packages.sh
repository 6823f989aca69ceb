# System packages. Sourced by tools/setup.
# shellcheck shell=bash

can_install() { [ "$(id -u)" -eq 0 ] && have apt-get; }

# need adds a package to the list unless one of the programs or files that
# show its presence is there.
missing=()
need() {
	local package=$1 sign
	shift
	for sign in "$@"; do
		if have "$sign" || compgen -G "$sign" >/dev/null; then return 0; fi
	done
	missing+=("$package")
}

packages() {
	python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
	[ "$1" = --python ] || test_packages
	[ "$1" != --all ] || slow_packages
	[ ${#missing[@]} -eq 0 ] && return 0
	if ! can_install; then
		say "not installed: ${missing[*]}"
		note "the tests that need them are skipped; as root: apt-get install ${missing[*]}"
		return 0
	fi
	export DEBIAN_FRONTEND=noninteractive
	local apt=(apt-get -o DPkg::Lock::Timeout=300 -qq)
	run "${apt[@]}" update &&
		run "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
}

test_packages() {
	need gcc gcc clang # the race detector
	! have apt-get || need libc6-dev /usr/include/stdio.h
	! have apt-get || need libfaketime '/usr/lib/*/faketime/libfaketimeMT.so.1' # clocks that jump
	need procps pkill         # tests that kill what a killed program left
	need postgresql initdb '/usr/lib/postgresql/*/bin/initdb' # store tests
}

# slow_packages is what the tests against real schedulers and runtimes use.
slow_packages() {
	need slurmctld slurmctld
	need slurmd slurmd
	need slurm-client sbatch
	need podman podman
	need runc runc
	need bubblewrap bwrap
	need charliecloud-runtime ch-run
}
