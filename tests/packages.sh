# shellcheck shell=bash
# Sourced by tests/run.sh and .ci/run: commands that a system may lack, and the packages that have
# them. Defines `need`; changes nothing else.

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
    "${apt[@]}" update
    # shellcheck disable=SC2086 # several names are several words
    "${apt[@]}" install --no-install-recommends -y $packages >/dev/null
    "$@" >/dev/null
}

# Rust is nobody's system package in the version that this workspace needs.
need_rust() {
    if ! command -v cargo >/dev/null; then
        echo "cargo is missing: install Rust, see https://rustup.rs" >&2
        exit 1
    fi
}
