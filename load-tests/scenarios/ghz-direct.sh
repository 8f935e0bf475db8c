#!/usr/bin/env bash
# Checks by grpc-go, straight to the service. The rest of the command line is ghz's own.
#
#   load-tests/scenarios/ghz-direct.sh 127.0.0.1:9191
#   load-tests/scenarios/ghz-direct.sh unix:///run/portcullis.sock --rps 2000 --duration 30s
#   load-tests/scenarios/ghz-direct.sh portcullis:9191 --insecure=false --cacert ca.crt --cert tls.crt --key tls.key
set -euo pipefail
cd "$(dirname "$0")/../.."
address=${1:?HOST:PORT or unix:///PATH}
shift
exec "$(node scripts/install-ghz.mjs)" --config load-tests/scenarios/ghz-direct.json "$@" "$address"
