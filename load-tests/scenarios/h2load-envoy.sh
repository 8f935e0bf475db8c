#!/usr/bin/env bash
# Requests through Envoy by h2load. The rest of the command line is h2load's own; it can show no client certificate.
#
#   load-tests/scenarios/h2load-envoy.sh http://127.0.0.1:8080/products/7
#   load-tests/scenarios/h2load-envoy.sh https://gateway:8443/products/7 --rps 200 -H 'authorization: Bearer …'
set -euo pipefail
cd "$(dirname "$0")/../.."
url=${1:?URL}
shift
read -ra h2load <<<"$(node scripts/install-h2load.mjs)"
exec env "${h2load[@]}" -c 8 -m 8 -D 10 "$@" "$url"
