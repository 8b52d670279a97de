# shellcheck shell=bash
# Sourced by tests/run.sh and .ci/run: commands that a system may lack, and the packages that have
# them. Defines `need`, `need_server` and `need_rust`; changes nothing else.

# need PACKAGES COMMAND...: installs PACKAGES if the COMMAND, a probe, does not succeed.
need() {
    local packages=$1
    shift
    if "$@" >/dev/null 2>&1; then
        return
    fi
    if ! command -v apt-get >/dev/null; then
        echo "missing: $packages (these are Debian's names). Install them and run this again." >&2
        exit 1
    fi
    local as_root=()
    if [[ $(id -u) != 0 ]]; then
        if ! command -v sudo >/dev/null; then
            echo "missing: $packages. Install them as root and run this again." >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    echo "installing $packages"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
        apt-get -qq -o DPkg::Lock::Timeout=300)
    # One source that does not answer is no reason to do without the others.
    "${apt[@]}" update || echo 'the lists of packages may be old' >&2
    # shellcheck disable=SC2086 # several names are several words
    if ! "${apt[@]}" install --no-install-recommends -y $packages >/dev/null || ! "$@" >/dev/null; then
        echo "missing: $packages. They could not be installed; see above." >&2
        exit 1
    fi
}

# need_server PACKAGES COMMAND...: as `need`, for packages that start a service when they are
# installed. Debian asks this file whether they may; what somebody else wrote there stays.
need_server() {
    local packages=$1 policy=/usr/sbin/policy-rc.d as_root=()
    shift
    if "$@" >/dev/null 2>&1; then
        return
    fi
    if [[ $(id -u) != 0 ]]; then
        as_root=(sudo)
    fi
    # Without apt or sudo, `need` says what to do.
    if [[ -e $policy ]] || ! type -P apt-get "${as_root[@]}" >/dev/null; then
        need "$packages" "$@"
        return
    fi
    # In a shell of its own, so that the file goes whatever happens.
    (
        trap '"${as_root[@]}" rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
        need "$packages" "$@"
    )
}

# Rust is nobody's system package in the version that the tests need, which is told by their
# Cargo.toml, below the folder where we are.
need_rust() {
    local oldest found
    oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' tests/Cargo.toml)
    if ! command -v cargo >/dev/null || ! found=$(rustc --version | cut -d ' ' -f 2); then
        echo "cargo is missing: install Rust $oldest or newer, see https://rustup.rs" >&2
        exit 1
    fi
    if [[ $(printf '%s\n' "$oldest" "$found" | sort -V | head -n 1) != "$oldest" ]]; then
        echo "this is Rust $found: $oldest or newer is needed, see https://rustup.rs" >&2
        exit 1
    fi
}
