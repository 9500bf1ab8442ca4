import type { ClusterRole, ClusterRoleBinding } from '../../../../api/types.ts';
import { nodeRules } from '../../node/rules.ts';
import {
  account,
  clusterBinding,
  clusterRole,
  group,
  read,
  readUpdate,
  reviewAccess,
  rule,
  urls,
  user,
  writeEvents,
} from './rule.ts';

/** Roles of the cluster's components. Upstream: `bootstrappolicy/policy.go`. */

const signers = 'system:certificates.k8s.io';
const approver = (name: string, signer = name) =>
  clusterRole(`${signers}:${name}-approver`, [
    rule('approve', 'certificates', 'signers', `kubernetes.io/${signer}`),
  ]);
const requests = 'certificatesigningrequests';

const leaderElection = (name: string) => [
  rule('create', 'coordination', 'leases'),
  rule('get update', 'coordination', 'leases', name),
];

export const componentRoles = (): ClusterRole[] => [
  clusterRole('system:heapster', [
    rule(read, 'core', 'events namespaces nodes pods'),
    rule(read, 'extensions', 'deployments'),
  ]),
  clusterRole('system:node', [...nodeRules]),
  clusterRole('system:node-problem-detector', [
    rule('get', 'core', 'nodes'),
    rule('patch', 'core', 'nodes/status'),
    writeEvents,
  ]),
  clusterRole('system:kubelet-api-admin', [
    rule(read, 'core', 'nodes'),
    rule('proxy', 'core', 'nodes'),
    rule('*', 'core', 'nodes/log nodes/metrics nodes/proxy nodes/stats'),
    rule('*', 'core', 'nodes/configz nodes/healthz nodes/pods'),
  ]),
  clusterRole('system:node-bootstrapper', [rule(`create ${read}`, 'certificates', requests)]),
  clusterRole('system:auth-delegator', reviewAccess()),
  clusterRole('system:kube-aggregator', [rule(read, 'core', 'endpoints services')]),
  clusterRole('system:kube-controller-manager', [
    writeEvents,
    ...leaderElection('kube-controller-manager'),
    rule('create', 'core', 'secrets serviceaccounts'),
    rule('delete', 'core', 'secrets'),
    rule('get', 'core', 'configmaps namespaces secrets serviceaccounts'),
    rule('update', 'core', 'secrets serviceaccounts'),
    ...reviewAccess(),
    // For informers of whatever there is.
    rule('list watch', 'any', '*'),
    rule('create', 'core', 'serviceaccounts/token'),
  ]),
  clusterRole('system:kube-dns', [rule('list watch', 'core', 'endpoints services')]),
  clusterRole('system:persistent-volume-provisioner', [
    rule(`create delete ${read}`, 'core', 'persistentvolumes'),
    rule(`update ${read}`, 'core', 'persistentvolumeclaims'),
    rule(read, 'storage', 'storageclasses'),
    rule('watch', 'core', 'events'),
    writeEvents,
  ]),
  ...['nodeclient', 'selfnodeclient'].map((kind) =>
    clusterRole(`${signers}:${requests}:${kind}`, [rule('create', 'certificates', `${requests}/${kind}`)]),
  ),
  clusterRole('system:volume-scheduler', [
    rule(readUpdate, 'core', 'persistentvolumes'),
    rule(read, 'storage', 'storageclasses'),
    rule(readUpdate, 'core', 'persistentvolumeclaims'),
  ]),
  approver('legacy-unknown'),
  approver('kubelet-serving'),
  approver('kube-apiserver-client'),
  approver('kube-apiserver-client-kubelet'),
  clusterRole('system:service-account-issuer-discovery', [
    urls(
      '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
    ),
  ]),
  clusterRole('system:node-proxier', [
    rule('list watch', 'core', 'endpoints services'),
    rule(read, 'core', 'nodes'),
    writeEvents,
    rule('list watch', 'networking', 'servicecidrs'),
    rule('list watch', 'discovery', 'endpointslices'),
  ]),
  clusterRole('system:kube-scheduler', [
    writeEvents,
    ...leaderElection('kube-scheduler'),
    rule(read, 'core', 'nodes'),
    rule(`delete ${read}`, 'core', 'pods'),
    rule('create', 'core', 'bindings pods/binding'),
    rule('patch update', 'core', 'pods/status'),
    rule(read, 'core', 'replicationcontrollers services'),
    rule(read, 'apps extensions', 'replicasets'),
    rule(read, 'apps', 'statefulsets'),
    rule(read, 'policy', 'poddisruptionbudgets'),
    rule(read, 'core', 'persistentvolumeclaims persistentvolumes'),
    ...reviewAccess(),
    rule(read, 'storage', 'csinodes'),
    rule(read, 'storage', 'volumeattachments'),
    rule(read, 'core', 'namespaces'),
    rule(read, 'storage', 'csidrivers'),
    rule(read, 'storage', 'csistoragecapacities'),
  ]),
];

const [everybody, nobody] = [group('system:authenticated'), group('system:unauthenticated')];
const scheduler = user('system:kube-scheduler');

export const componentBindings = (): ClusterRoleBinding[] => [
  clusterBinding('cluster-admin', [group('system:masters')]),
  clusterBinding('system:monitoring', [group('system:monitoring')]),
  clusterBinding('system:discovery', [everybody]),
  clusterBinding('system:basic-user', [everybody]),
  clusterBinding('system:public-info-viewer', [everybody, nobody]),
  clusterBinding('system:node-proxier', [user('system:kube-proxy')]),
  clusterBinding('system:kube-controller-manager', [user('system:kube-controller-manager')]),
  clusterBinding('system:kube-dns', [account('kube-dns')]),
  clusterBinding('system:kube-scheduler', [scheduler]),
  clusterBinding('system:volume-scheduler', [scheduler]),
  clusterBinding('system:service-account-issuer-discovery', [group('system:serviceaccounts')]),
  // Of nobody: what nodes may do is the node authorizer's.
  clusterBinding('system:node', []),
];
