#!/bin/sh
# Debian's chromium, for the tests that look at pages in a real browser. Without it they are skipped.
set -u
command -v chromium >/dev/null && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq chromium >/dev/null && exit 0
    echo "chromium could not be installed: the browser tests will be skipped"
else
    echo "chromium is missing and only root can install it: the browser tests will be skipped (sudo apt-get install chromium)"
fi
