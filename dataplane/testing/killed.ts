import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { proxyConfiguration } from '../configuration.ts';
import { linesBetween } from './fuzz.ts';
import { changesBetween, createReplay } from './history.ts';
import { createModelKernel } from './modelkernel.ts';
import { node as nodeObject, service, slice } from './objects.ts';
import { randomFrom } from './random.ts';
import { nodeIp, startTestNode, type TestNode } from './sandbox.ts';
import { type Backend, type BackendName, backends } from './standing.ts';

const program = fileURLToPath(new URL('proxyprocess.ts', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** Service `web` is at one of two endpoints, by the round; `other` is always at the third, and many more move with it. */
function objects(round: number): KubeObject[] {
  const ports = [{ name: 'p80', port: 80 }];
  const many = Array.from({ length: 60 }, (_, i) => i).filter((i) => (i + round) % 5 > 0);
  return [
    nodeObject('worker', [nodeIp]),
    service('ns/web', { clusterIP: '10.96.0.10', ports }),
    service('ns/other', { clusterIP: '10.96.0.11', ports }),
    slice('ns/web', [`10.244.1.${5 + (round % 2)}`], { port: 9376 }),
    slice('ns/other', ['10.244.1.7'], { port: 9376 }),
    ...many.map((i) => service(`ns/s${i}`, { clusterIP: `10.96.1.${i + 1}`, ports })),
    ...many.map((i) => slice(`ns/s${i}`, [`10.244.2.${(i + round) % 250}`], { port: 9376 })),
  ];
}

/**
 * A proxy that SIGKILL ends while it writes, again and again.
 *
 * @param longest milliseconds into its writes
 */
export function describeKilled(name: BackendName, { rounds = 3, longest = 20 } = {}): void {
  describe(`${name}: the process killed in the middle of its work`, () => {
    const backend: Backend = backends[name];
    const settings = { clusterCIDR: '10.244.0.0/16', mode: backend.mode, ...backend.configuration };
    const random = randomFrom(7);
    let lab: TestNode;
    beforeAll(async () => {
      lab = await startTestNode();
      await Promise.all(['pod1', 'pod2', 'pod3'].map((pod) => lab.serve(pod, pod, [9376])));
    });
    afterAll(() => lab[Symbol.asyncDispose]());

    test('leaves nobody at a wrong endpoint, and the next one finishes it', async () => {
      for (let round = 0; round < rounds; round++) {
        const session = await lab.kernel.open?.(process.execPath, [
          ...['--import', tsx, program],
          JSON.stringify(settings),
        ]);
        if (!session) throw new Error('no sessions');
        const before = changesBetween([], objects(round));
        const [, pid = ''] =
          /up (\d+)/.exec(await session.send(`${JSON.stringify(before)}\n`, /up \d+\n/)) ?? [];
        const replay = createReplay('IPv4');
        replay.apply({ what: 'all', changes: before });
        const empty = createModelKernel();
        const configuration = proxyConfiguration(settings);
        await backend.create({ kernel: empty, family: 'IPv4', configuration }).sync(replay.state());
        expect(
          linesBetween(await backend.standing(lab.kernel, 'IPv4'), await backend.standing(empty, 'IPv4')),
        ).toBe('');
        expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({
          [`pod${1 + (round % 2)} 10.244.1.9`]: 1,
        });
        // Nobody waits for an answer to this: there is none.
        void session
          .send(`${JSON.stringify(changesBetween(objects(round), objects(round + 1)))}\n`, 'never')
          .catch(() => undefined);
        await delay(random(longest));
        await lab.kernel.run('kill', ['-9', pid]);
        const [web] = Object.keys(await lab.connect('client', '10.96.0.10', 80));
        expect(web).toMatch(/^pod[12] 10\.244\.1\.9$/);
        expect(await lab.connect('client', '10.96.0.11', 80)).toEqual({ 'pod3 10.244.1.9': 1 });
      }
    });
  });
}
