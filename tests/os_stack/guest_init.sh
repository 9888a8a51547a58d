#!/bin/busybox sh
# The guest's first process: system bus, bluetoothd, the virtual air, then `kneetrack live`; at its end, power off.
export PATH=/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 COLUMNS=100
export PYTHONPATH=/opt/kneetrack:/opt/site PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1 MPLBACKEND=Agg
busybox mount -t proc none /proc
busybox mount -t sysfs none /sys
busybox mount -t tmpfs none /run
busybox mount -t tmpfs none /tmp
busybox ip link set lo up
. /results/settings
busybox mkdir -p /run/dbus
say() { echo "guest: $(busybox cut -d' ' -f1 /proc/uptime) s: $*"; }

say "first process"
dbus-daemon --system --nopidfile >/results/dbus.txt 2>&1
say "system bus: exit code $?"
/usr/libexec/bluetooth/bluetoothd --nodetach >/results/bluetoothd.txt 2>&1 &
say "bluetoothd runs"
cd /results
python3 -m tests.os_stack.radio "$CUT_S" >/results/radio.txt 2>&1 &
radio=$!
python3 -m tests.os_stack.adapter >/results/adapter.txt 2>&1
code=$?
say "adapter: exit code $code"
if [ $code != 0 ]; then busybox cat /results/adapter.txt /results/radio.txt /results/bluetoothd.txt; fi
python3 -m pipeline.commands.main scan --for 5 >/results/scan.txt 2>&1
say "scan: exit code $?"
python3 -m pipeline.commands.main live --for "$SECONDS_LIVE" --rate "$RATE_HZ" --no-dashboard --out /results/session \
    >/results/live.txt 2>&1
code=$?
say "live: exit code $code"
busybox tail -n 20 /results/live.txt
busybox cat /results/radio.txt
echo "$code" >/results/exit_code
busybox kill $radio
busybox dmesg >/results/kernel.txt
busybox sync
busybox poweroff -f
