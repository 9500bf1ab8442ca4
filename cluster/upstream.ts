import { join } from 'node:path';
import type { ComponentSpec } from '../lab/spec.ts';
import { etcdAuthority, etcdClient, etcdNodes } from './etcd.ts';
import { isOurs, type ProgramName, replacement } from './programs.ts';
import { proxyKubeconfigPath } from './runtime.ts';
import {
  apiserverPort,
  type ClusterSpec,
  controlPlanes,
  type NodeSpec,
  serviceAccountIssuer,
} from './spec.ts';
import type { StateDir } from './state.ts';

/** Who calls the API with a kubeconfig in the state folder, and as whom Kubernetes' default roles know it. */
export const managers = {
  'kube-controller-manager': 'system:kube-controller-manager',
  'kube-scheduler': 'system:kube-scheduler',
} as const;

export const managerKubeconfig = (state: StateDir, name: keyof typeof managers): string =>
  join(state.root, `${name}.kubeconfig`);

/** Files in `pki/` with what opens an etcd that is not the cluster's own. */
export const externalEtcd = 'external-etcd';

type Flags = Record<string, string | undefined>;

/**
 * Upstream's programs that take the place of ours, as components of the lab. They run on the nodes and with the
 * flags that kubeadm gives them. Upstream: `cmd/kubeadm/app/phases/controlplane/manifests.go`.
 */
export function controlPlaneComponents(spec: ClusterSpec, state: StateDir): ComponentSpec[] {
  return controlPlanes(spec).flatMap((node, index) => {
    const flagsOf = {
      'kube-apiserver': () => apiserverFlags(spec, state, node),
      'kube-controller-manager': () => controllerManagerFlags(spec, state),
      'kube-scheduler': () => schedulerFlags(state),
    };
    return (Object.keys(flagsOf) as (keyof typeof flagsOf)[]).flatMap((name) => {
      const numbered = index === 0 ? name : `${name}${index + 1}`;
      return component(spec, name, numbered, node.name, lastFile(state), flagsOf[name]());
    });
  });
}

/** A node's kube-proxy, where it is not ours; none where the cluster has no dataplane. */
export function proxyComponents(spec: ClusterSpec, node: string): ComponentSpec[] {
  if (spec.dataplane === 'none') return [];
  const flags = proxyFlags(spec, node);
  return component(spec, 'kube-proxy', `kube-proxy-${node}`, node, proxyKubeconfigPath, flags);
}

/** Limits of the whole machine are not for a node to set. */
export const proxyFlags = (spec: ClusterSpec, node: string): Flags => ({
  kubeconfig: proxyKubeconfigPath,
  'hostname-override': node,
  'cluster-cidr': spec.podCidrs.join(),
  'proxy-mode': spec.dataplane === 'none' ? undefined : spec.dataplane,
  'conntrack-max-per-core': '0',
  'conntrack-min': '0',
});

/** When it is there, all are; see `ensureProgramFiles`. */
const lastFile = (state: StateDir) => managerKubeconfig(state, 'kube-scheduler');

function component(
  spec: ClusterSpec,
  program: ProgramName,
  name: string,
  node: string,
  awaited: string,
  flags: Flags,
): ComponentSpec[] {
  const file = replacement(spec, program);
  if (file === undefined) return [];
  const args = Object.entries(flags).flatMap(([flag, value]) =>
    value === undefined ? [] : [`--${flag}=${value}`],
  );
  return [{ name, node, command: ['sh', '-c', untilThere, program, awaited, file, ...args] }];
}

/** Credentials are made while the lab boots. */
const untilThere = 'until [ -e "$1" ]; do sleep 0.02; done; shift; exec "$@"';

function apiserverFlags(spec: ClusterSpec, state: StateDir, { address }: NodeSpec): Flags {
  const pem = (name: string) => join(state.pki, name);
  const { etcd } = spec;
  return {
    'advertise-address': address,
    'allow-privileged': 'true',
    'authorization-mode': 'Node,RBAC',
    'client-ca-file': pem('ca.crt'),
    'enable-admission-plugins': 'NodeRestriction',
    'enable-bootstrap-token-auth': 'true',
    'etcd-servers': etcd
      ? etcd.endpoints.join()
      : etcdNodes(spec)
          .map((member) => `https://${member.address}:2379`)
          .join(),
    'etcd-cafile': etcd ? etcd.tls.ca && pem(`${externalEtcd}-ca.crt`) : pem(`${etcdAuthority}.crt`),
    'etcd-certfile': etcd ? etcd.tls.cert && pem(`${externalEtcd}.crt`) : pem(`${etcdClient}.crt`),
    'etcd-keyfile': etcd ? etcd.tls.key && pem(`${externalEtcd}.key`) : pem(`${etcdClient}.key`),
    'etcd-prefix': etcd?.prefix,
    'kubelet-certificate-authority': pem('ca.crt'),
    'kubelet-client-certificate': pem('apiserver-kubelet-client.crt'),
    'kubelet-client-key': pem('apiserver-kubelet-client.key'),
    'kubelet-preferred-address-types': 'InternalIP,ExternalIP,Hostname',
    'secure-port': String(apiserverPort),
    'service-account-issuer': serviceAccountIssuer,
    'service-account-key-file': pem('sa.pub'),
    'service-account-signing-key-file': pem('sa.key'),
    'service-cluster-ip-range': spec.serviceCidrs.join(),
    'service-node-port-range': spec.serviceNodePortRange,
    // Ours reads it then, and may be the one that serves next time.
    'storage-media-type': 'application/json',
    'tls-cert-file': pem('apiserver.crt'),
    'tls-private-key-file': pem('apiserver.key'),
  };
}

function controllerManagerFlags(spec: ClusterSpec, state: StateDir): Flags {
  const pem = (name: string) => join(state.pki, name);
  const kubeconfig = managerKubeconfig(state, 'kube-controller-manager');
  return {
    ...managerFlags(kubeconfig),
    'allocate-node-cidrs': 'true',
    'client-ca-file': pem('ca.crt'),
    'cluster-cidr': spec.podCidrs.join(),
    'cluster-name': spec.name,
    'cluster-signing-cert-file': pem('ca.crt'),
    'cluster-signing-key-file': pem('ca.key'),
    controllers: '*,bootstrapsigner,tokencleaner',
    'root-ca-file': pem('ca.crt'),
    'service-account-private-key-file': pem('sa.key'),
    'service-cluster-ip-range': spec.serviceCidrs.join(),
    'use-service-account-credentials': 'true',
  };
}

const schedulerFlags = (state: StateDir): Flags => managerFlags(managerKubeconfig(state, 'kube-scheduler'));

const managerFlags = (kubeconfig: string): Flags => ({
  'authentication-kubeconfig': kubeconfig,
  'authorization-kubeconfig': kubeconfig,
  'bind-address': '127.0.0.1',
  kubeconfig,
  'leader-elect': 'true',
});

/** Whether anybody but ours runs in the control plane, and so needs files of its own. */
export const needsFiles = (spec: ClusterSpec): boolean =>
  (['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const).some(
    (name) => !isOurs(spec, name),
  );
