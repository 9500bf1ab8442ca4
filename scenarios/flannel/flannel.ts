import type { V1Node } from '@kubernetes/client-node';
import type { Pod } from '../../api/types.ts';
import { findCommand } from '../../lab/doctor.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { capturePing } from './capture.ts';
import { describeFrame } from './frame.ts';
import { installFlannel } from './install.ts';

/**
 * Article 004 on flannel: every node has a subnet, a bridge and a VTEP; a packet to another node's pod goes over
 * both, in a packet from node to node. The bridge has the name of the article's.
 */
export const flannel: Scenario = {
  name: 'flannel',
  title:
    'How a packet gets from a pod to one on another node: subnets, bridge, VTEP, and the packet in a packet (article 004).',
  cluster: { nodes: 2, podCidr: '10.32.0.0/16', bridge: 'weave', overlay: 'none' },
  async play(stage) {
    await installFlannel(stage, '10.32.0.0/16');
    const nodes = await subnets(stage);
    await startPods(stage, nodes);
    await bridges(stage);
    const { near, far } = await vtep(stage, nodes);
    await encapsulated(stage, near, far);
  },
};

const annotation = (node: V1Node, name: string) =>
  node.metadata?.annotations?.[`flannel.alpha.coreos.com/${name}`] ?? '';
const nameOf = (node: V1Node) => node.metadata?.name ?? '';
const macOf = (node: V1Node) => /"VtepMAC":"([^"]+)"/.exec(annotation(node, 'backend-data'))?.[1] ?? '';

/** The pods of this story, one on each node. */
const podOn = (node: V1Node) => `on-${nameOf(node)}`;

async function subnets(stage: Stage): Promise<V1Node[]> {
  const { report, cluster } = stage;
  const api = await stage.api();
  report.step('Each node has a part of the network, written where all others read it');
  await stage.kubectl('get nodes -o wide');
  const { items } = await api.core.listNode();
  const nodes = cluster.spec.nodes.flatMap(({ name }) => items.filter((node) => nameOf(node) === name));
  for (const node of nodes) {
    const told = ['backend-type', 'backend-data', 'public-ip'].map(
      (name) => `${name}=${annotation(node, name)}`,
    );
    report.output(`${nameOf(node)}: podCIDR=${node.spec?.podCIDR} ${told.join(' ')}`);
  }
  const cidrs = nodes.map(({ spec }) => spec?.podCIDR ?? '');
  report.check('no two nodes have the same', new Set(cidrs).size === nodes.length, cidrs.join());
  report.check("the first node's is the article's, 10.32.0.0/24", cidrs[0] === '10.32.0.0/24', cidrs.join());
  report.note(
    'The article has flanneld write this into etcd; kube-flannel keeps it in annotations of the Nodes.',
  );
  return nodes;
}

async function startPods({ report, cluster }: Stage, nodes: readonly V1Node[]): Promise<void> {
  report.step('A pod on each node');
  const pods = nodes.map(
    (node): Pod => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: podOn(node), labels: { story: 'flannel' } },
      spec: {
        nodeName: nameOf(node),
        containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }],
        terminationGracePeriodSeconds: 0,
      },
    }),
  );
  await cluster.apply(pods);
  await report.progress(
    'waiting for them',
    cluster.waitFor('pods', 'Ready', { labelSelector: 'story=flannel' }),
  );
}

async function bridges(stage: Stage): Promise<void> {
  const { report } = stage;
  report.step("A node's own pods: a route to a bridge");
  await stage.kubectl('get pods -o wide -l story=flannel');
  const routes = await stage.onNode('control-plane', 'ip route');
  report.check(
    "the article's line, to the letter: 10.32.0.0/24 dev weave proto kernel scope link src 10.32.0.1",
    /^10\.32\.0\.0\/24 dev weave proto kernel scope link src 10\.32\.0\.1 ?$/m.test(routes),
    routes,
  );
  const hasBrctl = findCommand('brctl') !== undefined;
  const ports = await stage.onNode('control-plane', hasBrctl ? 'brctl show' : 'bridge link');
  report.check(
    'the bridge weave has a veth of a pod',
    /\bweave\b[\s\S]*\bveth\w+/.test(ports) || /\bveth\w+.*master weave/.test(ports),
    ports,
  );
}

/** Other nodes' pods: everything that is known of a node before the first packet goes there. */
async function vtep(stage: Stage, nodes: readonly V1Node[]): Promise<{ near: V1Node; far: V1Node }> {
  const { report } = stage;
  const [near, far] = nodes;
  if (!near || !far) throw new Error('this scenario needs two nodes or more; leave --nodes out');
  const cidr = far.spec?.podCIDR ?? '';
  const gateway = cidr.replace(/\/\d+$/, '');
  report.step("Another node's pods: a route to the VTEP, its neighbour, and its forwarding entry");
  const routes = await stage.onNode(nameOf(near), 'ip route show dev flannel.1');
  report.check(`${cidr} goes to flannel.1`, routes.includes(`${cidr} via ${gateway} onlink`), routes);
  const device = await stage.onNode(
    nameOf(near),
    "ip -d link show flannel.1 | grep -o 'vxlan id.*nolearning'",
  );
  report.check(
    'flannel.1 is a vxlan device that learns nothing by itself',
    /vxlan id 1 .*dstport 8472/.test(device),
    device,
  );
  const neighbours = await stage.onNode(nameOf(near), 'ip neighbour show dev flannel.1 nud permanent');
  report.check(
    `${gateway} has the MAC address of ${nameOf(far)}'s annotation`,
    neighbours.includes(`${gateway} lladdr ${macOf(far)} PERMANENT`),
    neighbours,
  );
  const fdb = await stage.onNode(nameOf(near), 'bridge fdb show dev flannel.1');
  report.check(
    `that MAC address is behind ${annotation(far, 'public-ip')}`,
    fdb.includes(`${macOf(far)} dst ${annotation(far, 'public-ip')} self permanent`),
    fdb,
  );
  return { near, far };
}

async function encapsulated(stage: Stage, near: V1Node, far: V1Node): Promise<void> {
  const { report } = stage;
  const api = await stage.api();
  report.step('The packet on its way between the nodes');
  const addressOf = async (node: V1Node) =>
    (await api.core.readNamespacedPod({ name: podOn(node), namespace: 'default' })).status?.podIP ?? '';
  const [from, to] = [await addressOf(near), await addressOf(far)];
  const answer = await stage.inPod(podOn(near), `ping -c 3 -i 0.2 ${to}`);
  report.check('the pod on the other node answers', /3 received, 0% packet loss/.test(answer), answer);
  report.command(nameOf(far), `a packet socket on every link, while ${podOn(near)} pings ${to}`);
  const frame = await capturePing(stage, { pod: podOn(near), to, node: nameOf(far) });
  report.output(describeFrame(frame));
  const { outer, inner } = frame;
  const macs = `${inner.macs.from} > ${inner.macs.to}`;
  report.check(
    'outside: from node to node, UDP to port 8472',
    outer.ips.from === annotation(near, 'public-ip') &&
      outer.ips.to === annotation(far, 'public-ip') &&
      outer.port === 8472,
    describeFrame(frame),
  );
  report.check('inside: from VTEP to VTEP', macs === `${macOf(near)} > ${macOf(far)}`, macs);
  report.check(
    'inside that: from pod to pod, the addresses as the pods have them',
    inner.ips.from === from && inner.ips.to === to,
    `${inner.ips.from} > ${inner.ips.to}`,
  );
  report.check('one router was passed, the first node', inner.ttl === 63, String(inner.ttl));
  const mtu = await stage.inPod(podOn(near), 'cat /sys/class/net/eth0/mtu');
  report.check(
    '50 bytes are added, which is why pods have an MTU of 1450',
    frame.added === 50 && mtu.trim() === '1450',
    `${frame.added}, ${mtu}`,
  );
  report.note(
    "The article names flannel's other way, udp, and that it is slower: `v9s up --overlay udp` has it, with a program between the nodes instead of the kernel; in the manifest its Type is udp.",
  );
}
