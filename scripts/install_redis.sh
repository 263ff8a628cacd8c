#!/bin/sh
# Debian's redis-server, for the tests of Redis streams, which start their own. Without it they are
# skipped.
set -u
command -v redis-server >/dev/null && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq redis-server >/dev/null || {
        echo "redis-server could not be installed: the tests of Redis streams will be skipped"
        exit 0
    }
    service redis-server stop >/dev/null 2>&1 # the package starts one on port 6379
    if [ -d /run/systemd/system ]; then systemctl disable --quiet redis-server; fi
else
    echo "redis-server is missing and only root can install it: the tests of Redis streams will be skipped (sudo apt-get install redis-server)"
fi
