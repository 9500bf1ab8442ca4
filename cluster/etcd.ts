import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EtcdOptions } from '../apiserver/storage/etcd/storage.ts';
import type { ComponentSpec } from '../lab/spec.ts';
import { type ClusterSpec, controlPlanes, type NodeSpec } from './spec.ts';
import type { StateDir } from './state.ts';

/** Files in `pki/`; kubeadm has them in a folder `etcd/` of it. A member's own are `etcd-NODE.crt` and `.key`. */
export const etcdAuthority = 'etcd-ca';
export const etcdClient = 'apiserver-etcd-client';
export const etcdCertificate = (node: string): string => `etcd-${node}`;

const clientPort = 2379;
const peerPort = 2380;

/** The nodes with a member: one, or three, so that one may be lost. */
export function etcdNodes(spec: ClusterSpec): NodeSpec[] {
  if (spec.store !== 'etcd' || spec.etcd) return [];
  const nodes = controlPlanes(spec);
  return nodes.slice(0, nodes.length < 3 ? 1 : 3);
}

/** The members as components of the lab. `program`: the path of etcd. Upstream: kubeadm `phases/etcd/local.go`. */
export function etcdComponents(spec: ClusterSpec, state: StateDir, program: string): ComponentSpec[] {
  const nodes = etcdNodes(spec);
  const peers = nodes.map(({ name, address }) => `${name}=https://${address}:${peerPort}`).join();
  return nodes.map(({ name, address }, index) => {
    const file = (pem: string) => join(state.pki, pem);
    const certificate = etcdCertificate(name);
    const client = `https://${address}:${clientPort}`;
    const peer = `https://${address}:${peerPort}`;
    const options = {
      name,
      'data-dir': join(state.etcd, name),
      'listen-client-urls': `https://127.0.0.1:${clientPort},${client}`,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': peers,
      'initial-cluster-token': spec.name,
      'client-cert-auth': 'true',
      'cert-file': file(`${certificate}.crt`),
      'key-file': file(`${certificate}.key`),
      'trusted-ca-file': file(`${etcdAuthority}.crt`),
      'peer-client-cert-auth': 'true',
      'peer-cert-file': file(`${certificate}.crt`),
      'peer-key-file': file(`${certificate}.key`),
      'peer-trusted-ca-file': file(`${etcdAuthority}.crt`),
      'snapshot-count': '10000',
      logger: 'zap',
      'log-level': 'warn',
    };
    const args = Object.entries(options).map(([option, value]) => `--${option}=${value}`);
    return {
      name: index === 0 ? 'etcd' : `etcd${index + 1}`,
      node: name,
      // Its certificates are made while the lab boots.
      command: ['sh', '-c', untilThere, 'etcd', state.pki, program, ...args],
    };
  });
}

const untilThere = 'until [ -d "$1" ]; do sleep 0.02; done; shift; exec "$@"';

/** How the apiserver of a node reaches the etcd; undefined where objects are not kept in one. */
export function etcdOptions(spec: ClusterSpec, state: StateDir, node: NodeSpec): EtcdOptions | undefined {
  if (spec.store !== 'etcd') return undefined;
  if (spec.etcd) return { ...spec.etcd, patience };
  const pem = (name: string) => readFileSync(join(state.pki, name), 'utf8');
  const members = etcdNodes(spec).map(({ address }) => address);
  // The member on the same node first.
  const order = [...members].sort((a, b) => Number(b === node.address) - Number(a === node.address));
  return {
    endpoints: order.map((address) => `https://${address}:${clientPort}`),
    tls: { ca: pem(`${etcdAuthority}.crt`), cert: pem(`${etcdClient}.crt`), key: pem(`${etcdClient}.key`) },
    patience,
  };
}

/** Milliseconds: the members start together with those who ask them, and choose a leader first. */
const patience = 60_000;
