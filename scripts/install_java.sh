#!/bin/sh
# Debian's Java 17, for the tests of Spark. Without a Java they are skipped.
set -u
command -v java >/dev/null && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq openjdk-17-jre-headless >/dev/null || {
        echo "Java 17 could not be installed: the tests of Spark will be skipped"
        exit 0
    }
else
    echo "Java is missing and only root can install it: the tests of Spark will be skipped (sudo apt-get install openjdk-17-jre-headless)"
fi
