import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { contains, parseCidr } from '../../../api/address.ts';
import type { Client } from '../../../api/client.ts';
import { type Informer, startInformer } from '../../../api/informer.ts';
import { resources } from '../../../api/scheme.ts';
import type { Node } from '../../../api/types.ts';
import { ipBatch } from '../../../kernel/ip.ts';
import type { Kernel } from '../../../kernel/run.ts';
import { createOverlay } from '../backend.ts';
import { followNodes } from '../follow.ts';
import { ensureMasquerade } from '../masquerade.ts';
import { type LinkState, podCidrsOf } from '../overlay.ts';
import type { NetConf } from './net-conf.ts';
import { subnetText } from './subnet-file.ts';

export interface FlanneldConfig {
  client: Client;
  kernel: Kernel;
  nodeName: string;
  netConf: NetConf;
  ipMasq: boolean;
  /** File name; see `subnet-file.ts`. */
  subnetFile: string;
  log: (line: string) => void;
}

/**
 * One node's overlay as a program of its own, in the node's network namespace: tells of the node by its annotations,
 * makes its end, writes `subnet.env`, and follows the other nodes until `signal` fires. What it has made stays, and
 * the next one goes on with it. Resolves once the file is written. Upstream: flannel `main.go`, with `-kube-subnet-mgr`.
 */
export async function startFlanneld(
  config: FlanneldConfig,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { client, kernel, nodeName, netConf, log } = config;
  const nodes = startInformer(client, resources.nodes, {
    signal,
    onError: (error) => log(`watching nodes: ${error}`),
  });
  const { podCidrs, nodeIps } = await ownNode(nodes, nodeName, netConf);
  const overlay = createOverlay(kernel, netConf.backend);
  const { stdout } = await kernel.run('ip', ['-json', '-details', 'address']);
  const local = { name: nodeName, podCidrs, nodeIps, clusterCidrs: netConf.clusterCidrs };
  const { commands, annotations, mtu } = overlay.plan(local, JSON.parse(stdout) as LinkState[]);
  await ipBatch(kernel, commands);
  if (config.ipMasq) await ensureMasquerade(kernel, podCidrs, netConf.clusterCidrs);
  await client.patch(resources.nodes, { name: nodeName, subresource: 'status' }, 'merge', {
    metadata: { annotations },
  });
  write(config.subnetFile, subnetText({ ...netConf, podCidrs, mtu, ipMasq: config.ipMasq }));
  log(`Wrote subnet file to ${config.subnetFile}: ${netConf.backend.type}, ${podCidrs.join()}, MTU ${mtu}`);
  followNodes(
    nodes,
    (all, options) => overlay.sync(all, options),
    signal,
    (error) => log(`routes to the other nodes: ${error}`),
  );
}

/** Waits for the node's podCIDRs. Throws where they are not of the configured networks. */
async function ownNode(
  nodes: Informer<Node>,
  name: string,
  { clusterCidrs }: NetConf,
): Promise<{ podCidrs: string[]; nodeIps: string[] }> {
  await nodes.synced;
  const node = await new Promise<Node>((resolve) => {
    const look = () => {
      const found = nodes.store.get(name);
      if (!found || podCidrsOf(found).length === 0) return;
      stop();
      resolve(found);
    };
    const stop = nodes.onChange(look);
    look();
  });
  const assigned = podCidrsOf(node);
  const podCidrs = clusterCidrs.map((clusterCidr) => {
    const cluster = parseCidr(clusterCidr);
    const own = assigned.find((cidr) => contains(cluster, cidr.split('/')[0] ?? ''));
    if (own) return own;
    throw new Error(
      `node ${name} has the pod network ${assigned.join()}, nothing of which is in ${clusterCidr} of net-conf.json; make them agree`,
    );
  });
  const nodeIps = (node.status?.addresses ?? [])
    .filter(({ type }) => type === 'InternalIP')
    .map(({ address }) => address);
  return { podCidrs, nodeIps };
}

/** Whole or not at all: whoever waits for it reads it at once. */
function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}
