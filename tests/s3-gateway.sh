#!/usr/bin/env bash
# Runs the suite of the file store against a Ceph Object Gateway: a second opinion on what S3 is,
# beside the server that the tests bring along. Installs it from the system's packages, starts one
# of each daemon in a folder of its own, on ports of its own, and ends them. Needs root for the
# packages only. Arguments go to the test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/packages.sh

need_rust
need 'ceph-mon ceph-mgr ceph-osd radosgw ceph-common' type -P radosgw ceph-mon ceph-mgr ceph-osd
need python3 type -P python3
need curl type -P curl

# Before the servers, which would wait for it.
cargo test --locked --package distributed-task-tests --test s3_gateway --no-run

place=$(mktemp -d)
daemons=()
stop() {
    local status=$?
    if [[ $status != 0 ]]; then
        tail -n 5 "$place"/*.log "$place"/*.out 2>/dev/null || true
    fi
    # Whoever asks last is stopped first. A killed store of objects in memory loses nothing we want.
    for ((at = ${#daemons[@]} - 1; at >= 0; at--)); do
        kill -KILL "${daemons[at]}" 2>/dev/null || true
        wait "${daemons[at]}" 2>/dev/null || true
    done
    rm -rf "$place"
    exit "$status"
}
trap stop EXIT

# daemon NAME COMMAND...: starts it, and remembers it.
daemon() {
    local name=$1
    shift
    "$@" -c "$place/ceph.conf" -f >"$place/$name.out" 2>&1 &
    daemons+=("$!")
}

# until_ready WHAT COMMAND...: waits until the command succeeds, two minutes at most.
until_ready() {
    local what=$1 limit=$((SECONDS + 120))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS > limit)); then
            echo "$what is not ready" >&2
            return 1
        fi
        sleep 0.2
    done
}

# Free ports, all held until each is chosen, so that none comes twice.
read -r mon_v2 mon_v1 gateway osd < <(python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*[one.getsockname()[1] for one in held])')

fsid=$(cat /proc/sys/kernel/random/uuid)
cat >"$place/ceph.conf" <<CONF
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$mon_v2,v1:127.0.0.1:$mon_v1]
keyring = $place/keyring
run dir = $place
admin socket = $place/\$name.asok
log file = $place/\$name.log
pid file = $place/\$name.pid
public addr = 127.0.0.1
public network = 127.0.0.0/8
ms bind port min = $osd
ms bind port max = $((osd + 60))
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
# It wants a twentieth of the disk to be free, and ends without a word otherwise.
mon data avail crit = 0
osd objectstore = memstore
memstore device bytes = 1073741824
[mon.a]
mon data = $place/mon
[mgr.x]
mgr data = $place/mgr
[osd.0]
osd data = $place/osd
[client.admin]
rgw frontends = beast endpoint=127.0.0.1:$gateway tcp_nodelay=1
rgw data = $place/rgw
CONF
mkdir "$place"/{mon,mgr,osd,rgw}

# With keys for the daemons, too: the gateway does not start without.
ceph=(ceph -c "$place/ceph.conf")
ceph-authtool --create-keyring "$place/keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
ceph-authtool "$place/keyring" --gen-key -n client.admin \
    --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon_v2,v1:127.0.0.1:$mon_v1]" \
    "$place/monmap" >/dev/null
ceph-mon -c "$place/ceph.conf" --mkfs -i a --monmap "$place/monmap" --keyring "$place/keyring"
daemon mon ceph-mon -i a
until_ready 'the monitor' "${ceph[@]}" --connect-timeout 5 mon stat

"${ceph[@]}" auth get-or-create mgr.x mon 'allow profile mgr' osd 'allow *' >"$place/mgr/keyring"
daemon mgr ceph-mgr -i x --keyring "$place/mgr/keyring"

osd_id=$(cat /proc/sys/kernel/random/uuid)
"${ceph[@]}" osd new "$osd_id" 0 >/dev/null
"${ceph[@]}" auth get-or-create osd.0 mon 'allow profile osd' osd 'allow *' mgr 'allow profile osd' \
    >"$place/osd/keyring"
ceph-osd -c "$place/ceph.conf" -i 0 --keyring "$place/osd/keyring" --mkfs --osd-uuid "$osd_id" \
    >"$place/osd-mkfs.out" 2>&1
daemon osd ceph-osd -i 0 --keyring "$place/osd/keyring"
until_ready 'the store of objects' bash -c "${ceph[*]} osd stat | grep -q '1 up'"

daemon rgw radosgw -n client.admin
endpoint=http://127.0.0.1:$gateway
until_ready 'the gateway' curl --silent --output /dev/null "$endpoint"
radosgw-admin -c "$place/ceph.conf" user create --uid=test --display-name=test \
    --access-key=test-access-key --secret-key=test-secret-key >/dev/null 2>&1
echo "the gateway is at $endpoint"

S3_GATEWAY_ENDPOINT=$endpoint \
    S3_GATEWAY_ACCESS_KEY=test-access-key \
    S3_GATEWAY_SECRET_KEY=test-secret-key \
    cargo test --locked --package distributed-task-tests --test s3_gateway -- "$@"
