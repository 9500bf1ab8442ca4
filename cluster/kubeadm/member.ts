import type { Client, ClientConfig } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import type { ConfigMap } from '../../api/types.ts';
import { adminConfig } from '../credentials.ts';
import type { ClusterSpec, NodeSpec } from '../spec.ts';
import { readSpec, type StateDir, stateDir } from '../state.ts';
import { joinedCredentials } from './credentials.ts';
import { configName, type SharedSpec, specKey } from './objects.ts';

/** How the cluster is made, as `v9s init` has written it down. */
export async function sharedSpec(client: Client): Promise<SharedSpec> {
  const ref = { name: configName, namespace: 'kube-system' };
  const found = await client.get<ConfigMap>(resources.configmaps, ref);
  const text = found.data?.[specKey];
  if (!text)
    throw new Error(
      `the ${configName} ConfigMap has no ${specKey}: this cluster was not made by v9s; kubeadm join is what joins it`,
    );
  return JSON.parse(text) as SharedSpec;
}

/** A cluster as one node of it knows it that is elsewhere: its control plane as far as need be, and itself. */
export function memberSpec(shared: SharedSpec, name: string, host: string, node: NodeSpec): ClusterSpec {
  const controlPlane: NodeSpec = {
    name: host,
    address: host,
    labels: { 'node-role.kubernetes.io/control-plane': '' },
    taints: [],
  };
  return { ...shared, name, nodes: [controlPlane, node], egress: false, apiPort: 0 };
}

/** As whom the holder of a cluster's state reaches the API: its administrator, or a node that joined. */
export async function holderConfig(spec: ClusterSpec, state: StateDir): Promise<ClientConfig> {
  const node = spec.nodes.at(-1);
  if (!node?.joined || !isMember(spec)) return adminConfig(state, spec.apiPort);
  const { client } = await joinedCredentials(state, node.name);
  if (spec.linkedTo === undefined) return client;
  const home = readSpec(stateDir(spec.linkedTo));
  return { ...client, server: `https://127.0.0.1:${home?.apiPort ?? 0}` };
}

/** Whether this is not the cluster's own state, but that of a machine or of a lab beside it. */
export const isMember = ({ onMachine, linkedTo }: ClusterSpec): boolean =>
  onMachine === true || linkedTo !== undefined;
