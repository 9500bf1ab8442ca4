import { expect } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { Pod } from '../../api/types.ts';
import { shell } from './pods.ts';
import type { Interruption, Scene } from './scene.ts';

const node = 'worker';
const namespace = 'default';

/** All that pods leave on a node: links, namespaces, addresses, rules, mounts, folders, processes. */
const leftovers = `
ip -br link show type veth | cut -d' ' -f1
ls /run/netns
ls /run/v9s/nodes/${node}/networks/cbr0 | grep -v last_reserved
ls /run/v9s/nodes/${node}/networks /run/v9s/nodes/${node}/pods
iptables-save | grep -v -e '^[#:]'
conntrack -L -p udp 2>/dev/null | grep -e dport=909 | sed 's/.* src=/src=/'
cut -d' ' -f2,3 /proc/mounts | sort
grep -lae v9s-shim -e 'sleep.600' /proc/[0-9]*/cmdline 2>/dev/null | wc -l
`;

const inNode = (scene: Scene, script: string) => scene.run(node, ['sh', '-c', script]);

/** What a pod takes of every kind: ports of the node, a mount, init containers, namespaces that two share. */
const pod = (name: string, hostPort: number): Pod => ({
  metadata: { name, namespace },
  spec: {
    nodeName: node,
    terminationGracePeriodSeconds: 0,
    volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }],
    initContainers: [shell('true', { name: 'first' })],
    containers: [
      shell('exec sleep 600', {
        ports: [{ containerPort: 53, hostPort, protocol: 'UDP' }],
        volumeMounts: [{ name: 'memory', mountPath: '/memory' }],
      }),
      shell('exec sleep 600', { name: 'other' }),
    ],
  },
});

const isReady = ({ status }: Pod) =>
  status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True');

/** What a node has once and keeps, such as its bridge and the first chains of host ports, it has then. */
export async function warmUp(scene: Scene): Promise<void> {
  const agent = await scene.startAgent(node);
  const ref = { name: 'first', namespace };
  await scene.client.create(resources.pods, pod(ref.name, 9090));
  await until(async () => isReady(await scene.client.get(resources.pods, ref)));
  await scene.client.delete(resources.pods, ref);
  await until(async () => (await inNode(scene, `ls /run/v9s/nodes/${node}/pods`)) === '');
  await agent.kill();
}

/**
 * Creates two pods under a node-agent that kills itself, deletes one of them while there is none, and starts another:
 * the pod that is wanted runs then, at the address that is its alone, and what the other had is gone. So is all of
 * it when the first is deleted too. False when the node-agent had nothing more to do at that command.
 */
export async function interrupt(scene: Scene, interruption: Interruption): Promise<boolean> {
  const { client } = scene;
  const get = (name: string) => client.get(resources.pods, { name, namespace });
  const remove = (name: string) => client.delete(resources.pods, { name, namespace });
  const before = await inNode(scene, leftovers);
  const first = await scene.startAgent(node, interruption);
  let isGone = false;
  void first.gone.then(() => {
    isGone = true;
  });
  for (const [index, name] of ['stays', 'goes'].entries())
    await client.create(resources.pods, pod(name, 9090 + index));
  // A flow to the port of a node, which has gone elsewhere until now.
  await inNode(
    scene,
    'echo | busybox nc -u -w1 172.18.0.2 9090 & echo | busybox nc -u -w1 172.18.0.2 9091; wait',
  );
  await until(async () => isGone || (isReady(await get('stays')) && isReady(await get('goes'))));
  const wasInterrupted = isGone;
  if (!isGone) await first.kill();
  await remove('goes');

  const second = await scene.startAgent(node);
  try {
    const stays = await until(async () => {
      const seen = await get('stays');
      return isReady(seen) && seen;
    });
    const folders = `cd /run/v9s/nodes/${node}; ls pods; grep -H . networks/cbr0/10.*; ip -br link show type veth | grep -c ^veth`;
    const { uid } = stays.metadata ?? {};
    const alone = `${uid}\nnetworks/cbr0/${stays.status?.podIP}:${uid}\n1\n`;
    await until(
      async () => (await inNode(scene, folders)) === alone,
      () => inNode(scene, folders),
    );
    // As upstream, where a container that was made and never started counts as one.
    for (const { restartCount } of stays.status?.containerStatuses ?? [])
      expect(restartCount).toBeLessThanOrEqual(1);
    await inNode(scene, `ping -c1 -W2 ${stays.status?.podIP}`);
    await remove('stays');
    await until(
      async () => (await inNode(scene, leftovers)) === before,
      () => inNode(scene, leftovers),
    );
  } finally {
    await second.kill();
  }
  return wasInterrupted;
}

/** Resolves once there is something; after a while, rejects with what `tell` says. */
async function until<T>(
  look: () => Promise<T | undefined | false>,
  tell?: () => Promise<string>,
): Promise<T> {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within 30 s: ${look}\n${await tell?.()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
