import { joinHostPort } from '../../api/address.ts';
import type { Agent } from '../../dataplane/testing/agent.ts';
import { type ReadRules, readRules } from '../../dataplane/trace.ts';
import type { RuleTexts } from './compare.ts';
import type { Door, Flow } from './flows.ts';
import { nodeAddresses } from './flows.ts';
import { type ProxiedNode, podOf } from './nodes.ts';
import { endpointCount, endpointPlace, ownHosts } from './objects.ts';
import { flowText, waysThrough } from './outcomes.ts';

/** Who sends packets that are packets: the network namespace, and the addresses it has. */
const senders: Readonly<
  Record<string, { readonly netns: string | undefined; readonly doors: readonly Door[] }>
> = {
  // What a pod sends comes by a port of the node's bridge.
  'pod on a bridge': {
    netns: 'client',
    doors: ['clusterIP', 'externalIP', 'loadBalancerIP', 'nodePort', 'nodePort on the bridge'],
  },
  node: { netns: undefined, doors: ['clusterIP', 'externalIP', 'loadBalancerIP', 'nodePort'] },
  'the node on loopback': { netns: undefined, doors: ['nodePort on loopback'] },
  'another node': { netns: 'node2', doors: ['nodePort'] },
};

/** Pods answer on every port that endpoints have. */
export async function servePods({ lab }: ProxiedNode): Promise<void> {
  const ports = Array.from({ length: 50 }, (_, i) => 8_000 + i);
  await Promise.all(['pod1', 'pod2', 'pod3', 'pod4'].map((pod) => lab.serve(pod, pod, ports)));
}

/**
 * Sends packets for flows whose end is known, and holds what came of them against what the rules are read to say: the
 * walk through the rules is the kernel's. Resolves to how many flows were tried, and to those that went elsewhere.
 */
export async function trySome(
  { lab, name }: ProxiedNode,
  texts: RuleTexts,
  flows: readonly Flow[],
  count: number,
): Promise<{ tried: number; wrong: string[] }> {
  const rules = { IPv4: readRules(texts.IPv4), IPv6: readRules(texts.IPv6) };
  const chosen = spread(
    flows.filter((flow) => expected(flow, rules) !== undefined),
    count,
  );
  const results = await Promise.all(
    chosen.map(async (flow) => {
      const wanted = expected(flow, rules) ?? new Set();
      const seen = await outcomes(lab.agent, flow, wanted);
      const strange = seen.filter((one) => !wanted.has(one));
      if (strange.length === 0) return [];
      return [
        `${name}: ${flowText(flow)}: ${strange.join(', ')} where the rules lead to ${[...wanted].join(', ')}`,
      ];
    }),
  );
  return { tried: chosen.length, wrong: results.flat() };
}

/** So many of them, from all over. */
function spread<T>(all: readonly T[], count: number): T[] {
  const step = Math.max(1, all.length / count);
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[Math.floor(i * step)] as T);
}

/** Each thing that came of it, once. */
async function outcomes(agent: Agent, flow: Flow, wanted: ReadonlySet<string>): Promise<string[]> {
  const { from, destination: address, port, protocol } = flow;
  const patience = wanted.has(nobody) ? { timeout: 1.5 } : {};
  const target = {
    from: senders[from]?.netns,
    address,
    port,
    protocol: protocol === 'udp' ? ('UDP' as const) : ('TCP' as const),
    ...patience,
  };
  const seen = Object.keys(await agent.connect(target, wanted.size > 1 ? 6 : 1));
  // Of many at once some choose one port.
  const heard = seen.filter((one) => one !== 'EADDRINUSE');
  return heard.length > 0
    ? heard.map((one) => (silence.includes(one) ? nobody : one))
    : outcomes(agent, flow, wanted);
}

/** What comes of packets that are dropped, or sent where there is nobody. */
const nobody = 'no answer';
const silence = ['ETIMEDOUT', 'ENETUNREACH', 'EHOSTUNREACH'];

/** What the sender may be told, in the agent's words; undefined where it is not known or nobody is there to say. */
function expected(flow: Flow, rules: Readonly<Record<Flow['family'], ReadRules>>): Set<string> | undefined {
  const sender = senders[flow.from];
  if (!sender?.doors.includes(flow.door) || flow.protocol === 'sctp') return undefined;
  if (flow.service?.service === 'mark/mark') return undefined;
  // IPv6 has no way from ::1 to anywhere, and its own source for packets to an address of the node.
  if (flow.family === 'IPv6' && flow.door.startsWith('nodePort') && flow.from !== 'another node')
    return undefined;
  const told = new Set<string>();
  for (const way of waysThrough(rules[flow.family], flow).keys()) {
    const one = answer(way, flow);
    if (one === undefined) return undefined;
    told.add(one);
  }
  return told;
}

function answer(way: string, flow: Flow): string | undefined {
  if (way === 'reject') return 'ECONNREFUSED';
  if (way === 'drop') return nobody;
  const [to = '', masqueraded] = way.split(' ');
  if (to === joinHostPort(flow.destination, flow.port))
    return flow.door.startsWith('nodePort') ? undefined : nobody;
  const address = to.slice(0, to.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  const number = Array.from({ length: endpointCount }, (_, i) => i + 1).find(
    (one) => endpointPlace(one)[flow.family] === address,
  );
  // Whoever listens for datagrams at any address answers from the one that it likes best.
  const heard = flow.protocol === 'tcp' || (flow.family === 'IPv4' && ownHosts.has(number ?? 0));
  if (number === undefined || !heard) return undefined;
  const [outer = '', bridge = ''] = nodeAddresses[flow.family];
  const pod = podOf(number);
  const own = pod === 'pod4' ? outer : bridge;
  return `${pod} ${masqueraded ? own : flow.source}`;
}
