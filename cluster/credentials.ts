import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressAt, parseCidr } from '../api/address.ts';
import type { ClientConfig } from '../api/client.ts';
import { etcdAuthority, etcdCertificate, etcdClient, etcdNodes } from './etcd.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  createSigningKeys,
  loadCertificateAuthority,
  type Subject,
  writeFolder,
} from './pki.ts';
import { apiserverPort, type ClusterSpec, controlPlanes } from './spec.ts';
import { type StateDir, writeWhole } from './state.ts';
import { externalEtcd, managerKubeconfig, managers, needsFiles } from './upstream.ts';

/** File names inside `pki/`, as kubeadm has them; a node's certificate is `NODE.crt`. */
const adminName = 'admin';
/** As Kubernetes' default roles know it. */
export const proxyName = 'kube-proxy';
const kubeletClientName = 'apiserver-kubelet-client';

/**
 * Makes the cluster's CA and every certificate it starts with, unless they are there: the apiserver's two,
 * the administrator's, kube-proxy's, one for each node's agent, and the key pair for service-account tokens.
 * What an older version has left is completed.
 */
export function ensurePki(spec: ClusterSpec, state: StateDir): void {
  if (existsSync(join(state.pki, `${kubeletClientName}.crt`))) {
    ensureFrontProxy(state);
    return;
  }
  if (existsSync(state.pki)) {
    const authority = loadCertificateAuthority(readPem(state, 'ca.crt'), readPem(state, 'ca.key'));
    const files = issueAll(authority, [proxy, ...nodeSubjects(spec), kubeletClient]);
    // The last one says that all are there.
    for (const [name, content] of Object.entries(files)) writeWhole(join(state.pki, name), content);
    ensureFrontProxy(state);
    return;
  }
  const authority = createCertificateAuthority();
  const signing = createSigningKeys();
  const etcd = etcdNodes(spec).length > 0 ? etcdFiles(spec, createCertificateAuthority()) : {};
  const files = issueAll(authority, [
    { name: 'apiserver', subject: { commonName: 'kube-apiserver', serverNames: apiserverNames(spec) } },
    { name: adminName, subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] } },
    proxy,
    ...nodeSubjects(spec),
    kubeletClient,
  ]);
  writeFolder(state.pki, {
    'ca.crt': authority.cert,
    'ca.key': authority.key,
    'sa.key': signing.privateKey,
    'sa.pub': signing.publicKey,
    ...etcd,
    ...frontProxyFiles(),
    ...files,
  });
}

const frontProxy = 'front-proxy';

/** By which aggregated API servers know ours; an authority of its own, so that no client of the cluster is taken for it. */
function frontProxyFiles(): Record<string, string> {
  const authority = createCertificateAuthority();
  const client = { name: `${frontProxy}-client`, subject: { commonName: 'front-proxy-client' } };
  return {
    [`${frontProxy}-ca.key`]: authority.key,
    ...issueAll(authority, [client]),
    [`${frontProxy}-ca.crt`]: authority.cert,
  };
}

/** What a cluster of an older version lacks. */
function ensureFrontProxy(state: StateDir): void {
  if (existsSync(join(state.pki, `${frontProxy}-ca.crt`))) return;
  for (const [name, content] of Object.entries(frontProxyFiles())) writeWhole(join(state.pki, name), content);
}

/** For `proxyClient` of the apiserver. */
export function proxyClientConfig(state: StateDir): { ca: string; cert: string; key: string } {
  return {
    ca: readPem(state, `${frontProxy}-ca.crt`),
    cert: readPem(state, `${frontProxy}-client.crt`),
    key: readPem(state, `${frontProxy}-client.key`),
  };
}

/** An authority of its own, so that no certificate of the cluster's opens the etcd. */
function etcdFiles(spec: ClusterSpec, authority: CertificateAuthority): Record<string, string> {
  const members = etcdNodes(spec).map(
    ({ name, address }): NamedSubject => ({
      name: etcdCertificate(name),
      subject: {
        commonName: name,
        serverNames: { dns: ['localhost', name], ips: ['127.0.0.1', address] },
        isClient: true,
      },
    }),
  );
  const client = { name: etcdClient, subject: { commonName: 'kube-apiserver-etcd-client' } };
  return {
    [`${etcdAuthority}.crt`]: authority.cert,
    [`${etcdAuthority}.key`]: authority.key,
    ...issueAll(authority, [...members, client]),
  };
}

interface NamedSubject {
  /** Of the files, without their ending. */
  name: string;
  subject: Subject;
}

const proxy: NamedSubject = {
  name: proxyName,
  subject: { commonName: 'system:kube-proxy', organizations: ['system:node-proxier'] },
};

/** As whom the apiserver comes to a kubelet. */
const kubeletClient: NamedSubject = {
  name: kubeletClientName,
  subject: { commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'] },
};

/** A node is the API's client and the apiserver's server, with one certificate. */
function nodeSubjects({ nodes }: ClusterSpec): NamedSubject[] {
  return nodes.map(({ name, address, address6 }) => ({
    name,
    subject: {
      commonName: `system:node:${name}`,
      organizations: ['system:nodes'],
      serverNames: { dns: [name], ips: [address, ...(address6 ? [address6] : [])] },
      isClient: true,
    },
  }));
}

/** Contents by the name of their file. */
function issueAll(
  authority: CertificateAuthority,
  subjects: readonly NamedSubject[],
): Record<string, string> {
  const files: Record<string, string> = {};
  for (const { name, subject } of subjects) {
    const { cert, key } = authority.issue(subject);
    files[`${name}.key`] = key;
    files[`${name}.crt`] = cert;
  }
  return files;
}

/** Under which names the API is reached: by kubectl on the host, by nodes, by pods. */
function apiserverNames(spec: ClusterSpec): { dns: string[]; ips: string[] } {
  const service = ['kubernetes', 'default', 'svc', ...spec.clusterDomain.split('.')];
  const nodes = controlPlanes(spec);
  return {
    dns: [
      'localhost',
      ...nodes.map(({ name }) => name),
      ...[1, 2, 3, service.length].map((labels) => service.slice(0, labels).join('.')),
    ],
    ips: [
      '127.0.0.1',
      '::1',
      ...nodes.flatMap(({ address, address6 }) => [address, ...(address6 ? [address6] : [])]),
      ...spec.serviceCidrs.map((cidr) => addressAt(parseCidr(cidr), 1)),
    ],
  };
}

/** Reads one PEM file of the cluster. */
export function readPem(state: StateDir, name: string): string {
  return readFileSync(join(state.pki, name), 'utf8');
}

/** With what the API of a node's kubelet is served. */
export function kubeletServing(
  state: StateDir,
  node: string,
): { cert: string; key: string; clientCa: string } {
  return {
    cert: readPem(state, `${node}.crt`),
    key: readPem(state, `${node}.key`),
    clientCa: readPem(state, 'ca.crt'),
  };
}

/** With what the apiserver reaches every kubelet. */
export function kubeletClientConfig(state: StateDir): { ca: string; cert: string; key: string } {
  return {
    ca: readPem(state, 'ca.crt'),
    cert: readPem(state, `${kubeletClientName}.crt`),
    key: readPem(state, `${kubeletClientName}.key`),
  };
}

/** How the administrator reaches the API from the host. */
export function adminConfig(state: StateDir, apiPort: number): ClientConfig {
  if (existsSync(state.pki) && !existsSync(join(state.pki, `${adminName}.crt`)))
    throw new Error(
      'this machine is a node that has joined a cluster: only its control plane has an administrator',
    );
  return clientConfig(state, adminName, `https://127.0.0.1:${apiPort}`);
}

/** How the holder of `pki/NAME.crt` reaches the API at `server`. */
export function clientConfig(state: StateDir, name: string, server: string): ClientConfig {
  return {
    server,
    ca: readPem(state, 'ca.crt'),
    cert: readPem(state, `${name}.crt`),
    key: readPem(state, `${name}.key`),
  };
}

/** Writes the administrator's kubeconfig; everything is inline, so the file can be copied anywhere. */
export function writeKubeconfig(spec: ClusterSpec, state: StateDir): void {
  writeWhole(state.kubeconfig, kubeconfigText(spec, 'kubernetes-admin', adminConfig(state, spec.apiPort)));
}

/** The kubeconfig of a kube-proxy that reaches the API at `server`. */
export function proxyKubeconfig(spec: ClusterSpec, state: StateDir, server: string): string {
  // Clusters of before have no certificate for it.
  const name = existsSync(join(state.pki, `${proxyName}.crt`)) ? proxyName : adminName;
  return kubeconfigText(spec, name, clientConfig(state, name, server));
}

/**
 * Makes what upstream's programs need in the place of ours, unless it is there: certificates and kubeconfigs of the
 * managers, and files with what opens an etcd outside.
 */
export function ensureProgramFiles(spec: ClusterSpec, state: StateDir): void {
  if (!needsFiles(spec)) return;
  const [node] = controlPlanes(spec);
  const server = `https://${node?.address}:${apiserverPort}`;
  const { ca, cert, key } = spec.etcd?.tls ?? {};
  const pems = { '-ca.crt': ca, '.crt': cert, '.key': key };
  for (const [suffix, content] of Object.entries(pems))
    if (content !== undefined) writeWhole(join(state.pki, externalEtcd + suffix), content);
  const authority = loadCertificateAuthority(readPem(state, 'ca.crt'), readPem(state, 'ca.key'));
  for (const [name, user] of Object.entries(managers) as [keyof typeof managers, string][]) {
    const file = managerKubeconfig(state, name);
    if (existsSync(file)) continue;
    const config = { server, ca: authority.cert, ...authority.issue({ commonName: user }) };
    writeWhole(file, kubeconfigText(spec, user, config));
  }
}

function kubeconfigText(spec: ClusterSpec, user: string, { server, ca, cert, key }: ClientConfig): string {
  const base64 = (text: string | undefined) => Buffer.from(text ?? '').toString('base64');
  return `apiVersion: v1
kind: Config
clusters:
- name: ${spec.name}
  cluster:
    server: ${server}
    certificate-authority-data: ${base64(ca)}
users:
- name: ${user}
  user:
    client-certificate-data: ${base64(cert)}
    client-key-data: ${base64(key)}
contexts:
- name: ${user}@${spec.name}
  context:
    cluster: ${spec.name}
    user: ${user}
current-context: ${user}@${spec.name}
`;
}
