#!/usr/bin/env bash
# Runs every test: unit tests, the tests in this folder, and the code in README and rustdoc.
# Works from any folder and installs what it needs from the system's packages. Arguments go to
# cargo: `tests/run.sh --test promises`. Longer: `FAULT_ROUNDS=20 tests/run.sh --test faults --test
# faults_files`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# A script that was started in the background ignores ^C, and so would the programs that tests send it.
if [[ -z ${HEEDS_SIGNALS:-} ]] && env --default-signal=INT true 2>/dev/null; then
    HEEDS_SIGNALS=1 exec env --default-signal=HUP,INT,QUIT tests/run.sh "$@"
fi
source tests/packages.sh

need_rust
need 'gcc libc6-dev' type -P cc # links
need unzip type -P unzip        # reads our archives
need procps type -P kill        # `type -P`, because the shell has one of its own
need coreutils type -P timeout
# Tests start servers of their own, in their own folders; the system's own service is not started.
need_server 'redis-server redis-tools' type -P redis-server redis-cli
need openssl type -P openssl # certificates for those servers
if [[ $(uname) == Linux ]]; then # elsewhere the tests that use these are left out
    # Servers end with their test; tests run as somebody who is not root.
    need util-linux type -P setpriv prlimit
    need bsdutils type -P script
    # Clocks that tests set, of servers and of nobody else.
    need libfaketime bash -c 'ls /usr/{lib,lib64,local/lib}/{,*/}faketime/libfaketimeMT.so.1 | grep -q .'
fi

# Tests run these programs, and would build them without a word. With the tests, whose library they
# share.
cargo build --locked --package distributed-task-examples --package distributed-task-tests --bins

# What the hypervisor has kept from this machine, in hundredths of a second.
stolen() {
    awk '$1 == "cpu" { stolen = $9 } END { print stolen + 0 }' /proc/stat 2>/dev/null || echo 0
}
begun=$SECONDS stolen_before=$(stolen)

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --locked --workspace --all-features --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?

awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "\nall together: %d passed; %d failed; %d ignored\n", passed, failed, ignored }' "$log"

# Tests with servers, processes and leases of half a second need a machine that lets them run. Up to three
# that failed beside others have a second chance alone, and are named. Where a twentieth of the machine
# or more was taken away meanwhile, it is up to forty, and each has five. Unit tests have none.
chances=3 tries=1
taken=$((($(stolen) - stolen_before) / ((SECONDS - begun + 1) * $(getconf _NPROCESSORS_ONLN))))
if ((taken >= 5)); then
    chances=40 tries=5
    printf 'taken away from this machine meanwhile: %d %% of its CPU\n' "$taken"
fi
alone() {
    local target name try
    while read -r target name; do
        for ((try = 1; ; try++)); do
            printf '\nalone: %s of %s\n' "$name" "$target"
            cargo test --locked --workspace --all-features --test "$target" -- --exact "$name" </dev/null && break
            ((try < tries)) || return
        done
    done <"$1"
    printf '\nfailed beside others, and passed alone:\n'
    cat "$1"
}
if [[ $status != 0 ]]; then
    again=$(mktemp)
    trap 'rm -f "$log" "$again"' EXIT
    awk '/^ +(Running|Doc-tests) / { unit = $2 == "unittests" || $1 == "Doc-tests"; target = $NF
             sub(/.*\//, "", target); sub(/-[0-9a-f]+\)$/, "", target) }
         /^test .* \.\.\. FAILED$/ { print unit ? "-" : target, $2 }' "$log" >"$again"
    found=$(wc -l <"$again")
    if ((found >= 1 && found <= chances)) && ! grep -q '^- ' "$again" && ! grep -q '^error: could not' "$log" &&
        [[ $found == "$(awk '/^test result:/ { failed += $6 } END { print failed }' "$log")" ]]; then
        alone "$again" && status=0
    fi
fi
exit "$status"
