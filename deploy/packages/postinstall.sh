#!/bin/sh
# After an installation or an upgrade. A new service is not started: its settings come first.
set -e
new=
case "$1" in
configure) [ -n "$2" ] || new=1 ;; # Debian gives the version that was there
1) new=1 ;;                        # Red Hat gives the number of versions
esac
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	systemctl try-restart relay.service || true
fi
if [ -n "$new" ]; then
	echo "Relay: settings are in /etc/relay/relay.env. Start the server with: systemctl enable --now relay"
	echo "Its first start prints a key: journalctl -u relay"
fi
