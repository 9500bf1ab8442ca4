import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Family } from '../../api/address.ts';
import { describeAffinity, podsOf } from './affinity.ts';
import type { Conversation } from './agent.ts';
import { silence, wrongFlows } from './flowcheck.ts';
import { addressOf, type Door, doorOf, netnsOf, type Place, type Pod } from './places.ts';
import type { Differences } from './rows.ts';
import type { At, Exposed, World } from './world.ts';

const all: Pod[] = ['pod1', 'pod2', 'pod4'];

/** What becomes of connections and clients while Services, endpoints and the process come and go. */
export function describeChanges(
  create: () => World,
  family: Family,
  { oneServer, hashedAffinity }: Differences,
): void {
  let world: World;
  beforeAll(() => {
    world = create();
  });
  afterAll(() => world.cleanup());
  afterEach(async () => {
    world.remove(1);
    await world.sync();
  });
  const expose = async (endpoints: readonly At[], more: Partial<Exposed> = {}) => {
    world.expose({ number: 1, spec: { type: 'NodePort' }, endpoints: [endpoints], ...more });
    await world.sync();
  };
  const target = (from: Place, door: Door, protocol: 'TCP' | 'UDP' | 'SCTP' = 'TCP') => {
    const { address, port } = doorOf(door, 1, from, family);
    return { from: netnsOf(from), address, port, protocol };
  };
  const ask = async (
    from: Place,
    door: Door,
    protocol: 'TCP' | 'UDP' | 'SCTP',
    times: number,
    source?: string,
  ) =>
    await world.lab.agent.connect({ ...target(from, door, protocol), ...(source ? { source } : {}) }, times);

  describe('shares', () => {
    test.each(['TCP', 'UDP', 'SCTP'] as const)('of three endpoints are even, %s', async (protocol) => {
      await expose(all);
      const times = 300;
      const counts = await ask('client', 'clusterIP', protocol, times);
      const seen = all.map((pod) => counts[`${pod} ${addressOf('client', family)}`] ?? 0);
      expect(seen.reduce((a, b) => a + b)).toBe(times);
      // Chi-square with two degrees of freedom: above 23.0 in one of 100,000 runs of a fair draw.
      const chiSquare = seen.reduce((sum, count) => sum + (count - times / 3) ** 2 / (times / 3), 0);
      expect(chiSquare).toBeLessThan(23);
    });
  });

  describe('established connections', () => {
    const ways: [Place, Door][] = [
      ['client', 'clusterIP'],
      ['node', 'clusterIP'],
      ['outside', 'nodePort'],
      ['node2', 'nodePort'],
    ];
    const talk = (held: readonly Conversation[], timeout?: number) =>
      Promise.all(held.map((one) => one.talk(timeout)));

    test('go on whatever else changes, and when their endpoint goes; when their Service goes, as the mode does', async () => {
      await expose(['pod1']);
      // IPVS ends associations of SCTP with their endpoint, as it does flows of UDP.
      const sctp = !oneServer && (await world.lab.agent.hasSctp());
      const held = await Promise.all(
        (sctp ? (['TCP', 'SCTP'] as const) : (['TCP'] as const)).flatMap((protocol) =>
          ways.map(([from, door]) => world.lab.agent.open(target(from, door, protocol))),
        ),
      );
      const first = held.map(({ outcome }) => outcome);
      expect(first.filter((outcome) => !outcome.startsWith('pod1 '))).toEqual([]);
      await expose(['pod1', 'pod2', 'pod4']);
      expect(await talk(held)).toEqual(first);
      world.restart();
      await world.sync();
      expect(await talk(held)).toEqual(first);
      await expose(['pod2']);
      expect(await talk(held)).toEqual(first);
      expect(podsOf(await ask('client', 'clusterIP', 'TCP', 5))).toEqual(['pod2']);
      await expose([]);
      expect(await talk(held)).toEqual(first);
      world.remove(1);
      await world.sync();
      // IPVS drops the connections of a server that is gone; conntrack keeps those of the other modes.
      const after = await talk(held, oneServer ? silence : undefined);
      if (oneServer) expect(after.filter((outcome) => outcome.startsWith('pod'))).toEqual([]);
      else expect(after).toEqual(first);
      await Promise.all(held.map((one) => one.close()));
    });
  });

  describe('UDP clients that keep their port', () => {
    const ways: [Place, Door][] = [
      ['client', 'clusterIP'],
      ['node', 'clusterIP'],
      ['outside', 'nodePort'],
    ];
    /** Not those of the test before: a flow outlives its Service. */
    const open = (firstPort: number) =>
      Promise.all(
        ways.map(([from, door], i) =>
          world.lab.agent.open({ ...target(from, door, 'UDP'), sourcePort: firstPort + i, timeout: silence }),
        ),
      );
    /** IPVS drops the first packet of a flow whose endpoint is gone. */
    const reach = (held: readonly Conversation[], pod: Pod) =>
      vi.waitFor(
        async () => {
          const outcomes = await Promise.all(held.map((one) => one.talk(silence)));
          expect(outcomes.map((text) => text.split(' ')[0])).toEqual(held.map(() => pod));
        },
        { timeout: 5_000 },
      );

    test('are sent to another endpoint when theirs goes', async () => {
      await expose(['pod1']);
      const held = await open(45_000);
      await reach(held, 'pod1');
      await expose(['pod2']);
      await reach(held, 'pod2');
      await Promise.all(held.map((one) => one.close()));
    });

    test('are sent to the first endpoint that a Service gets', async () => {
      const held = await open(45_100);
      expect(held.map(({ outcome }) => outcome)).toEqual(['ETIMEDOUT', 'ETIMEDOUT', 'ECONNREFUSED']);
      await expose([]);
      expect(await Promise.all(held.map((one) => one.talk(silence)))).not.toContain('pod1');
      await expose(['pod1']);
      await reach(held, 'pod1');
      await Promise.all(held.map((one) => one.close()));
    });
  });

  describe('session affinity', () =>
    describeAffinity({ world: () => world, family, expose, ask }, hashedAffinity(family)));

  describe('a Service that changes', () => {
    test('gets its first endpoint, loses its last, and goes', async () => {
      await expose([]);
      expect(
        await wrongFlows(world, 1, [
          ['client', 'clusterIP', 'refused'],
          ['outside', 'nodePort', 'refused'],
        ]),
      ).toBe('');
      await expose(['pod1']);
      expect(
        await wrongFlows(world, 1, [
          ['client', 'clusterIP', 'pod1', 'own'],
          ['outside', 'nodePort', 'pod1', 'node'],
        ]),
      ).toBe('');
      await expose([{ pod: 'pod1', ready: false, serving: false }]);
      expect(
        await wrongFlows(world, 1, [
          ['client', 'clusterIP', 'refused'],
          ['outside', 'nodePort', 'refused'],
        ]),
      ).toBe('');
      world.remove(1);
      await world.sync();
      expect(
        await wrongFlows(world, 1, [
          ['client', 'clusterIP', 'silent'],
          ['outside', 'nodePort', 'refused'],
        ]),
      ).toBe('');
    });

    test('its policy, there and back', async () => {
      const cluster = [
        ['outside', 'nodePort', 'pod1 pod4', 'node'],
        ['client', 'clusterIP', 'pod1 pod4', 'own'],
      ] as const;
      await expose(['pod1', 'pod4']);
      expect(await wrongFlows(world, 1, cluster)).toBe('');
      await expose(['pod1', 'pod4'], {
        spec: { type: 'NodePort', externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' },
      });
      expect(
        await wrongFlows(world, 1, [
          ['outside', 'nodePort', 'pod1', 'own'],
          ['client', 'clusterIP', 'pod1', 'own'],
        ]),
      ).toBe('');
      await expose(['pod1', 'pod4']);
      expect(await wrongFlows(world, 1, cluster)).toBe('');
    });

    test('its ports, renamed and renumbered', async () => {
      const ports = (name: string, port: number, target = 9376, nodePort = 30_001) =>
        ['TCP', 'UDP', 'SCTP'].map((protocol) => ({
          name: `${name}-${protocol.toLowerCase()}`,
          port,
          protocol,
          target,
          nodePort,
        }));
      await expose(['pod1'], { ports: ports('web', 80) });
      expect(
        await wrongFlows(world, 1, [
          ['client', 'clusterIP', 'pod1', 'own'],
          ['outside', 'nodePort', 'pod1', 'node'],
        ]),
      ).toBe('');
      await expose(['pod1'], { ports: ports('http', 80) });
      expect(
        await wrongFlows(world, 1, [
          ['client', 'clusterIP', 'pod1', 'own'],
          ['outside', 'nodePort', 'pod1', 'node'],
        ]),
      ).toBe('');
      await expose(['pod1'], { ports: ports('http', 8080, 9377, 30_002) });
      expect(
        await wrongFlows(world, 1, [
          ['client', 'clusterIP:8080', 'pod1-b', 'own'],
          ['outside', 'nodePort:30002', 'pod1-b', 'node'],
          ['outside', 'nodePort', 'refused'],
        ]),
      ).toBe('');
    });
  });

  describe('the process', () => {
    const dataplane = () => world.first.stack.dataplane;

    test('writes nothing for the same state, nor when it starts anew', async () => {
      await expose(all);
      world.lab.commands.length = 0;
      expect((await world.sync()).text).toBe('');
      expect(world.lab.commands).toEqual([]);
      world.restart();
      await dataplane().adopt();
      expect((await world.sync()).text).toBe('');
      expect(await dataplane().verify()).toBeUndefined();
    });

    test('takes out at its start what went while nobody looked', async () => {
      await expose(all);
      world.remove(1);
      world.restart();
      expect((await world.sync()).deleted).toBeGreaterThan(0);
      expect(await dataplane().verify()).toBeUndefined();
    });

    test('leaves nothing that forwards when it cleans up', async () => {
      await expose(all);
      await world.cleanup();
      expect(
        await wrongFlows(world, 1, [
          ['client', 'clusterIP', 'silent'],
          ['outside', 'nodePort', 'refused'],
        ]),
      ).toBe('');
    });
  });
}
