#!/usr/bin/env bash
# Upstream's test/cmd against an apiserver that is up already: what hack/make-rules/test-cmd.sh does, but for starting
# etcd, kube-apiserver and kube-controller-manager and for building kubectl. Begin in the root of Kubernetes' sources with
#   SECURE_API_PORT   where the apiserver listens, which takes the token admin-token for system:masters
#   WHAT              names of single tests, as upstream's (`apply kubectl_get`); empty: all of them
set -o errexit
set -o nounset
set -o pipefail

source hack/lib/init.sh
source hack/lib/test.sh
source test/cmd/legacy-script.sh

# What `setup` would build and start.
make() { :; }
kube::etcd::start() { :; }
kube::etcd::cleanup() { :; }

# The one test that is called without being recorded would end the run where it fails.
eval "unrecorded_$(declare -f run_recursive_resources_tests)"
run_recursive_resources_tests() { record_command unrecorded_run_recursive_resources_tests; }

setup
kubectl create -f - << __EOF__
{
  "kind": "Node",
  "apiVersion": "v1",
  "metadata": {
    "name": "127.0.0.1"
  },
  "status": {
    "capacity": {
      "memory": "1Gi"
    }
  }
}
__EOF__
export SUPPORTED_RESOURCES=("*")
runTests
