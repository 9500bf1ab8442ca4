import {
  clusterInfoKey,
  clusterInfoName,
  clusterInfoNamespace,
  defaultNodeTokenGroup,
} from '../../api/bootstrap-secret.ts';
import type { KubeObject } from '../../api/object.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  PolicyRule,
  Role,
  RoleBinding,
} from '../../api/types.ts';
import type { ClusterSpec } from '../spec.ts';

/** Where a node that joins reads how the cluster is made: a ConfigMap of kube-system. */
export const configName = 'kubeadm-config';
/** Its key with what our nodes are told, as JSON; `ClusterConfiguration` beside it is kubeadm's. */
export const specKey = 'ClusterSpec';

const group = 'rbac.authorization.k8s.io';
const rbac = `${group}/v1`;
const systemNamespace = 'kube-system';
const nodes = 'system:nodes';

/**
 * What makes a cluster one that can be joined, as `kubeadm init` leaves it: cluster-info for those who know nothing of
 * it, its configuration, and the rules by which a token's holder gets a certificate. `server` is the URL at which
 * nodes reach the API, `ca` PEM. Upstream: kubeadm `app/phases/bootstraptoken`, `app/phases/uploadconfig`.
 */
export function joinObjects(spec: ClusterSpec, server: string, ca: string): KubeObject[] {
  return [
    configMap(clusterInfoName, clusterInfoNamespace, { [clusterInfoKey]: clusterInfo(server, ca) }),
    ...readers('kubeadm:bootstrap-signer-clusterinfo', clusterInfoNamespace, clusterInfoName, [
      { kind: 'User', name: 'system:anonymous' },
    ]),
    configMap(configName, systemNamespace, {
      ClusterConfiguration: clusterConfiguration(spec, server),
      [specKey]: JSON.stringify(sharedSpec(spec)),
    }),
    ...readers('kubeadm:nodes-kubeadm-config', systemNamespace, configName, [
      { kind: 'Group', name: nodes },
      { kind: 'Group', name: defaultNodeTokenGroup },
    ]),
    clusterRole('kubeadm:get-nodes', { apiGroups: [''], resources: ['nodes'], verbs: ['get'] }),
    granted('kubeadm:get-nodes', 'kubeadm:get-nodes', defaultNodeTokenGroup),
    granted('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', defaultNodeTokenGroup),
    granted('kubeadm:node-autoapprove-bootstrap', `${requests}:nodeclient`, defaultNodeTokenGroup),
    granted('kubeadm:node-autoapprove-certificate-rotation', `${requests}:selfnodeclient`, nodes),
    // A machine that joins serves logs and exec with a certificate of the cluster's.
    clusterRole('v9s:approve-node-server', {
      apiGroups: ['certificates.k8s.io'],
      resources: ['certificatesigningrequests/selfnodeserver'],
      verbs: ['create'],
    }),
    granted('v9s:approve-node-server', 'v9s:approve-node-server', nodes),
    // The proxy of a machine that joins shows the certificate of its node: it is given no other.
    granted('v9s:node-proxier', 'system:node-proxier', nodes),
  ];
}

const requests = 'system:certificates.k8s.io:certificatesigningrequests';

/** What of a cluster's options its nodes have in common; no node of it, and nothing of this machine. */
export type SharedSpec = Omit<
  ClusterSpec,
  'nodes' | 'apiPort' | 'egress' | 'onMachine' | 'linked' | 'linkedTo'
>;

function sharedSpec(spec: ClusterSpec): SharedSpec {
  const {
    nodes: _,
    apiPort: __,
    egress: ___,
    onMachine: ____,
    linked: _____,
    linkedTo: ______,
    ...shared
  } = spec;
  return shared;
}

/** A kubeconfig without a user. */
function clusterInfo(server: string, ca: string): string {
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${Buffer.from(ca).toString('base64')}
    server: ${server}
  name: ""
contexts: null
current-context: ""
kind: Config
preferences: {}
users: null
`;
}

function clusterConfiguration(spec: ClusterSpec, server: string): string {
  return `apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: ${spec.name}
controlPlaneEndpoint: ${new URL(server).host}
kubernetesVersion: v1.33.0
networking:
  dnsDomain: ${spec.clusterDomain}
  podSubnet: ${spec.podCidrs.join(',')}
  serviceSubnet: ${spec.serviceCidrs.join(',')}
`;
}

function configMap(name: string, namespace: string, data: Record<string, string>): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

/** Leave to read one ConfigMap. */
function readers(
  name: string,
  namespace: string,
  map: string,
  subjects: { kind: 'User' | 'Group'; name: string }[],
): [Role, RoleBinding] {
  return [
    {
      apiVersion: rbac,
      kind: 'Role',
      metadata: { name, namespace },
      rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [map], verbs: ['get'] }],
    },
    {
      apiVersion: rbac,
      kind: 'RoleBinding',
      metadata: { name, namespace },
      roleRef: { apiGroup: group, kind: 'Role', name },
      subjects: subjects.map((subject) => ({ apiGroup: group, ...subject })),
    },
  ];
}

function clusterRole(name: string, rule: PolicyRule): ClusterRole {
  return { apiVersion: rbac, kind: 'ClusterRole', metadata: { name }, rules: [rule] };
}

function granted(name: string, role: string, to: string): ClusterRoleBinding {
  return {
    apiVersion: rbac,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: group, kind: 'Group', name: to }],
  };
}
