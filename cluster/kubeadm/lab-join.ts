import { join } from 'node:path';
import { addressAt, parseCidr } from '../../api/address.ts';
import { bootstrapTokenText, parseBootstrapToken } from '../../api/bootstrap-token.ts';
import { type Client, createClient } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import type { Lab } from '../../lab/handle.ts';
import { linkComponent, linkName } from '../../lab/link.ts';
import { changeSpec } from '../change-spec.ts';
import { adminConfig } from '../credentials.ts';
import { makeFolder } from '../files.ts';
import { OptionError } from '../option-error.ts';
import type { NodeSpec } from '../spec.ts';
import { clusterNames, stateDir, stateHome, writeSpec, writeWhole } from '../state.ts';
import { bootstrapLabNode } from './bootstrap.ts';
import { discover } from './discovery.ts';
import { type FoundLab, findLab } from './find-lab.ts';
import { type Joined, type JoinOptions, pinned, requireFreeName } from './join.ts';
import { readyTimeout, startOnMachine, undoMachine } from './machine.ts';
import { memberSpec, sharedSpec } from './member.ts';
import { nodeReady } from './ready.ts';

export interface LabJoinOptions extends JoinOptions {
  /** Name of the new lab, and of its state folder. */
  lab: string;
  /** Where that folder is; default the user's state folder. */
  labFolder?: string;
}

/** Nodes of other labs have addresses that no lab gives its own: they are on one network with those. */
const addresses = '172.18.240.0/24';
const discoveryTimeout = 3_000;

/**
 * Starts a new lab with one node, which joins the cluster of another lab of this user over a cable between the two. It
 * is a cluster's state of its own, whose `v9s down` ends it alone. Resolves when the node is Ready; on failure nothing of
 * it is left.
 */
export async function joinFromLab(options: LabJoinOptions): Promise<Joined> {
  const { endpoint, lab: name, onStep = () => undefined, timeout = discoveryTimeout } = options;
  const token = parseBootstrapToken(options.token);
  const hashes = pinned(options);
  const home = await findLab(options);
  if (options.labFolder === undefined && clusterNames().includes(name))
    throw new OptionError('lab', name, 'a name that no cluster or lab of yours has');
  const state = stateDir(options.labFolder ?? join(stateHome(), name));
  const server = `https://127.0.0.1:${home.spec.apiPort}`;
  onStep(`[discovery] asking ${endpoint} for cluster-info`);
  const { ca } = await discover({ server, endpoint, token, hashes, timeout });
  const client = createClient({ server, ca, token: bootstrapTokenText(token) });
  const admin = createClient(adminConfig(home.state, home.spec.apiPort));
  let lab: Lab | undefined;
  try {
    const node = await newNode(client, admin, options.nodeName ?? name);
    const host = home.spec.nodes[0]?.address ?? '';
    const spec = { ...memberSpec(await sharedSpec(client), name, host, node), linkedTo: home.state.root };
    makeFolder(state.root);
    makeFolder(state.pki);
    writeWhole(join(state.pki, 'ca.crt'), ca);
    onStep(`[kubelet-start] requesting a certificate for node ${node.name}`);
    const nodeServer = `https://${host}:6443`;
    await bootstrapLabNode({ state, authority: home.state, node, server, nodeServer, ca, token });
    writeSpec(state, spec);
    onStep(`[kubelet-start] starting lab ${name} with node ${node.name} at ${node.address}`);
    await listen(home);
    lab = await startOnMachine(spec, state, node);
    await nodeReady(admin, spec, node.name, readyTimeout);
    return { cluster: name, node: node.name };
  } catch (error) {
    await undoMachine(state, undefined, lab);
    throw error;
  } finally {
    client.close();
    admin.close();
  }
}

async function newNode(client: Client, admin: Client, name: string): Promise<NodeSpec> {
  await requireFreeName(client, name);
  const { items } = await admin.list(resources.nodes);
  const taken = new Set(
    items.flatMap(({ status }) => (status?.addresses ?? []).map(({ address }) => address)),
  );
  const range = parseCidr(addresses);
  for (let index = 1; index < 255; index++) {
    const address = addressAt(range, index);
    if (!taken.has(address)) return { name, address, labels: {}, taints: [], joined: true };
  }
  throw new Error(`no address of ${addresses} is left for nodes of other labs`);
}

/** The lab that is joined has its end of the cable from now on, also after the next `v9s up`. */
async function listen({ state, lab }: FoundLab): Promise<void> {
  await changeSpec(state, (spec) => {
    spec.linked = true;
  });
  if (!(await lab.components()).some(({ name }) => name === linkName))
    await lab.addComponent(linkComponent('listen', state.root));
}
