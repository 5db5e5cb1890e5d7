#!/usr/bin/env bash
# The journey in the real window: an X server without a screen, a window manager, the accessibility bus. Pictures go to OUT.
#
#   app/tests/window/run.sh BOCAGE_APP BOCAGE [OUT]
set -euo pipefail
app=$(realpath "$1") cli=$(realpath "$2") out=${3:-$(mktemp -d)}
here=$(realpath "$(dirname "$0")")
if [[ -z ${DBUS_SESSION_BUS_ADDRESS:-} || ${BOCAGE_WINDOW_SESSION:-} != own ]]; then
    exec env BOCAGE_WINDOW_SESSION=own dbus-run-session -- "$0" "$app" "$cli" "$out"
fi
# A run that was cut short may have left its small disk mounted: nothing is removed through it.
! mountpoint -q "$out/small-disk" || umount -l "$out/small-disk"
rm -rf "$out"
mkdir -p "$out"
exec 3< <(exec Xvfb -displayfd 1 -screen 0 1400x900x24 -nolisten tcp -noreset 2>"$out/xvfb.log")
xvfb=$!
trap 'kill "$xvfb" 2>/dev/null || true; ! mountpoint -q "$out/small-disk" || umount -l "$out/small-disk"' EXIT
read -r display <&3
export DISPLAY=:$display XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$out/runtime} LIBGL_ALWAYS_SOFTWARE=1 PYTHONDONTWRITEBYTECODE=1
mkdir -p -m 0700 "$XDG_RUNTIME_DIR"
setxkbmap fr
openbox 2>"$out/openbox.log" &
/usr/libexec/at-spi-bus-launcher --launch-immediately 2>"$out/at-spi.log" &
for _ in $(seq 50); do
    gdbus call --session --dest org.a11y.Bus --object-path /org/a11y/bus --method org.a11y.Bus.GetAddress &>/dev/null && break
    sleep 0.1
done
gdbus call --session --dest org.a11y.Bus --object-path /org/a11y/bus --method org.freedesktop.DBus.Properties.Set \
    org.a11y.Status IsEnabled '<true>' >/dev/null
/usr/bin/python3 "$here/journey.py" "$app" "$cli" "$out"
