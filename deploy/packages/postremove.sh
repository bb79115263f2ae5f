#!/bin/sh
# After a removal. Events that were accepted and not yet delivered are not a package's to delete, so the data
# stays even if the package is purged.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "$1" = purge ] && [ -e /var/lib/relay ]; then
	echo "Relay: the data in /var/lib/relay was kept. Remove the folder if you do not need it: it is not in use."
fi
