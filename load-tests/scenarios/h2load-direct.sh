#!/usr/bin/env bash
# Checks by h2load, straight to the service: the first of checks.json, again and again. The rest of the command line is h2load's
# own. It counts a call as a success by its HTTP status, and reads no gRPC status: look at the service's metrics beside it.
#
#   load-tests/scenarios/h2load-direct.sh http://127.0.0.1:9191
#   load-tests/scenarios/h2load-direct.sh http://127.0.0.1:9191 --rps 500 -c 8
#   load-tests/scenarios/h2load-direct.sh http://localhost --base-uri=unix:/run/portcullis.sock
set -euo pipefail
cd "$(dirname "$0")/../.."
url=${1:?http://HOST:PORT}
shift
body=$(mktemp)
trap 'rm -f "$body"' EXIT
node load-tests/scenarios/write-body.ts >"$body"
read -ra h2load <<<"$(node scripts/install-h2load.mjs)"
env "${h2load[@]}" -c 4 -m 16 -D 10 --data "$body" -H 'content-type: application/grpc' -H 'te: trailers' "$@" \
  "$url/envoy.service.auth.v3.Authorization/Check"
