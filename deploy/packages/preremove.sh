#!/bin/sh
# Before a removal, but not before an upgrade, which restarts the service when the new program is there.
set -e
case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now relay.service || true
fi
