import { existsSync } from 'node:fs';
import { parseCidr } from '../../../api/address.ts';
import { quantityValue } from '../../../api/quantity.ts';
import type { Pod } from '../../../api/types.ts';
import { ipBatch, netnsPath } from '../../../kernel/ip.ts';
import { CommandError, type Kernel } from '../../../kernel/run.ts';
import { type PodNetwork, podNetwork } from '../plan.ts';
import { type Attachment, type CniResult, createCniNetwork } from './attachments.ts';
import type { Conflist } from './config.ts';

export interface CniPodsConfig {
  kernel: Kernel;
  list: Conflist;
  /** Folders with plugins, in order. */
  path: readonly string[];
  /** Where results are kept from ADD to DEL. */
  cacheDir: string;
  podCidrs: readonly string[];
}

/** Pods' networks by plugins; the same as the node's own {@link import('../network.ts').NodeNetwork} has. */
export interface CniPods {
  attach(uid: string, pod: Pod | undefined): Promise<PodNetwork>;
  detach(uid: string): Promise<void>;
  owners(): Set<string>;
  /** Undoes what is attached to pods that are no more. */
  collect(isKnown: (uid: string) => boolean): Promise<void>;
}

/** A pod's namespace is made here; what is in it, plugins make. Rejects when one of them cannot work at all. */
export async function startCniPods(config: CniPodsConfig): Promise<CniPods> {
  const { kernel, list, path, podCidrs } = config;
  const network = createCniNetwork(list, { kernel, path }, config.cacheDir);
  await network.status();

  async function detach(uid: string): Promise<void> {
    const { netns } = podNetwork(uid, []);
    const there = existsSync(netnsPath(netns));
    await network.del({ ...identity(uid), ...(there ? { netns: netnsPath(netns) } : { netns: '' }) });
    if (there) await removeNamespace(kernel, netns);
  }

  return {
    detach,
    owners: () => new Set(network.attached()),
    async attach(uid, pod) {
      const { netns } = podNetwork(uid, []);
      // An attempt that was interrupted: a container must not be added twice.
      if (network.attached().includes(uid) || existsSync(netnsPath(netns))) await detach(uid);
      await ipBatch(kernel, [`netns add ${netns}`]);
      await ipBatch(kernel, ['link set lo up'], { netns });
      try {
        const result = await network.add({ ...attachmentOf(uid, pod), netns: netnsPath(netns) });
        return podNetwork(uid, addressesOf(result, netnsPath(netns), podCidrs));
      } catch (error) {
        await removeNamespace(kernel, netns);
        throw error;
      }
    },
    collect: (isKnown) => network.gc(isKnown),
  };
}

const identity = (uid: string) => ({ containerId: uid, ifname: 'eth0' });

/** In the words that containerd and CRI-O tell plugins. */
function attachmentOf(uid: string, pod: Pod | undefined): Attachment {
  const { namespace = '', name = '' } = pod?.metadata ?? {};
  const args = [
    'IgnoreUnknown=1',
    `K8S_POD_NAMESPACE=${namespace}`,
    `K8S_POD_NAME=${name}`,
    `K8S_POD_INFRA_CONTAINER_ID=${uid}`,
    `K8S_POD_UID=${uid}`,
  ].join(';');
  return { ...identity(uid), args, capabilities: pod ? capabilitiesOf(pod) : {} };
}

/** Source: containernetworking/cni CONVENTIONS.md. */
export function capabilitiesOf(pod: Pod): Record<string, unknown> {
  const portMappings = (pod.spec?.containers ?? [])
    .flatMap(({ ports = [] }) => ports)
    .flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP = '' }) =>
      hostPort ? [{ hostPort, containerPort, protocol: protocol.toLowerCase(), hostIP }] : [],
    );
  const { annotations = {} } = pod.metadata ?? {};
  const ingressRate = bitsPerSecond(annotations['kubernetes.io/ingress-bandwidth']);
  const egressRate = bitsPerSecond(annotations['kubernetes.io/egress-bandwidth']);
  const bandwidth = {
    ...(ingressRate ? { ingressRate, ingressBurst: unlimited } : {}),
    ...(egressRate ? { egressRate, egressBurst: unlimited } : {}),
  };
  return {
    ...(portMappings.length > 0 ? { portMappings } : {}),
    ...(Object.keys(bandwidth).length > 0 ? { bandwidth } : {}),
  };
}

/** In bits; upstream: `math.MaxInt32`. */
const unlimited = 2_147_483_647;

function bitsPerSecond(text: string | undefined): number | undefined {
  const bits = text === undefined ? undefined : quantityValue(text);
  if (Number.isNaN(bits))
    throw new Error(`bandwidth ${JSON.stringify(text)} is not a quantity of bits a second, such as 10M`);
  return bits;
}

/** The pod's own addresses, that of the node's first family first. */
function addressesOf(
  { ips = [], interfaces = [] }: CniResult,
  netns: string,
  podCidrs: readonly string[],
): string[] {
  const own = ips
    .filter((ip) => ip.interface === undefined || interfaces[ip.interface]?.sandbox === netns)
    .map(({ address }) => address.replace(/\/\d+$/, ''));
  if (own.length === 0) throw new Error('the network plugins gave the pod no address');
  const first = podCidrs[0] ? parseCidr(podCidrs[0]).family === 'IPv6' : false;
  return own.sort((a, b) => Number(b.includes(':') === first) - Number(a.includes(':') === first));
}

async function removeNamespace(kernel: Kernel, netns: string): Promise<void> {
  try {
    await ipBatch(kernel, [`netns del ${netns}`]);
  } catch (error) {
    // Gone already.
    if (!(error instanceof CommandError) || existsSync(netnsPath(netns))) throw error;
  }
}
