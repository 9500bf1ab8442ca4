import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Family } from '../../api/address.ts';
import type { Protocol } from '../model/serviceport.ts';
import type { Door, Place, Pod } from './places.ts';
import type { At, Exposed, World } from './world.ts';

/** What a test does with the one Service that changes. */
export interface Changing {
  readonly world: () => World;
  readonly family: Family;
  /** Writes it with these endpoints to both nodes. */
  expose(endpoints: readonly At[], more?: Partial<Exposed>): Promise<void>;
  /** How often each outcome came. */
  ask(
    from: Place,
    door: Door,
    protocol: Protocol,
    times: number,
    source?: string,
  ): Promise<Record<string, number>>;
}

/** Every pod that answered, once. */
export const podsOf = (counts: Record<string, number>): string[] =>
  [...new Set(Object.keys(counts).map((text) => text.split(' ')[0] ?? ''))].sort();

const all: Pod[] = ['pod1', 'pod2', 'pod4'];

/** sessionAffinity ClientIP. `hashed`: it is by a hash of the client's address. */
export function describeAffinity({ world, family, expose, ask }: Changing, hashed: boolean): void {
  const spec = { type: 'NodePort', sessionAffinity: 'ClientIP' };

  test.each(['TCP', 'UDP', 'SCTP'] as const)(
    'keeps each client at one endpoint, at each door, %s',
    async (protocol) => {
      await expose(all, { spec });
      for (const from of ['client', 'node', 'node2', 'outside'] as const)
        for (const door of from === 'outside' || from === 'node2'
          ? (['nodePort'] as const)
          : (['clusterIP', 'nodePort'] as const))
          expect(Object.keys(await ask(from, door, protocol, 15)), `${from} → ${door}`).toHaveLength(1);
    },
  );

  test('lasts while other endpoints come and go, and ends with its own', async () => {
    await expose(all, { spec });
    const [home = 'none'] = podsOf(await ask('client', 'clusterIP', 'TCP', 5));
    const others = all.filter((pod) => pod !== home);
    const histories = hashed ? [] : [[home], [home, ...others], [home, others[0] ?? 'pod1']];
    for (const endpoints of histories) {
      await expose(endpoints as Pod[], { spec });
      expect(podsOf(await ask('client', 'clusterIP', 'TCP', 10))).toEqual([home]);
    }
    await expose(others, { spec });
    const moved = podsOf(await ask('client', 'clusterIP', 'TCP', 10));
    expect(moved).toHaveLength(1);
    expect(moved).not.toEqual([home]);
  });

  if (!hashed)
    test('ends when a client has been away for longer than the time-out', async () => {
      const timeoutSeconds = 2;
      await expose(all, { spec: { ...spec, sessionAffinityConfig: { clientIP: { timeoutSeconds } } } });
      const sources = Array.from({ length: 13 }, (_, i) =>
        family === 'IPv4' ? `172.18.254.${i + 1}` : `fd00:172::fe${i + 10}`,
      );
      const outside = world().lab.inside('outside');
      const addresses = sources.map(
        (one) => `address add ${one}/${family === 'IPv4' ? 16 : '64 nodad'} dev underlay`,
      );
      await outside.run('ip', ['-batch', '-'], { input: `${addresses.join('\n')}\n` });
      const homes = async () =>
        (await Promise.all(sources.map((source) => ask('outside', 'nodePort', 'UDP', 3, source)))).map(
          (counts) => podsOf(counts).join(),
        );
      try {
        const before = await homes();
        expect(before.join(' ')).toMatch(/^(pod\d ?){13}$/);
        expect(await homes()).toEqual(before);
        // Every look begins the time anew. All draw the same again in one of a million; a round robin goes on
        // where it was, and thirteen are no multiple of three.
        let after = before;
        for (let looks = 0; looks < 4 && after.join() === before.join(); looks++) {
          await delay(timeoutSeconds * 1_000 + 500);
          after = await homes();
        }
        expect(after).not.toEqual(before);
      } finally {
        const removal = addresses.map((line) => line.replace(' add ', ' del ').replace(' nodad', ''));
        await outside.run('ip', ['-batch', '-'], { input: `${removal.join('\n')}\n` });
      }
    });
}
