#!/usr/bin/env bash
# A gRPC service behind Envoy, called by grpc-go: each call is a Check for Portcullis. Without options the service's health is
# asked for; `--proto`, `--call` and `--data` name a method of your own.
#
#   load-tests/scenarios/ghz-envoy.sh gateway:8443 --cacert ca.crt --cert tls.crt --key tls.key --rps 500
#   load-tests/scenarios/ghz-envoy.sh 127.0.0.1:8080 --insecure
set -euo pipefail
cd "$(dirname "$0")/../.."
address=${1:?HOST:PORT}
shift
exec "$(node scripts/install-ghz.mjs)" --config load-tests/scenarios/ghz-envoy.json "$@" "$address"
