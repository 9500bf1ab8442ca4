import { expect, test } from 'vitest';
import type { Dataplane, ProxyState } from './dataplane.ts';
import { checkedServices } from './health/services.ts';
import type { Row } from './model/model.ts';
import { nodeFacts } from './node.ts';
import { checkedOf, createStack, type Stack, syncStack } from './stack.ts';
import { service, slice } from './testing/objects.ts';
import { type Random, randomFrom } from './testing/random.ts';

/** Looks only at what it is told has changed, and fails when it is told to. */
function trustingDataplane() {
  const known = new Map<string, Row>();
  const control = { fails: false };
  const dataplane: Dataplane = {
    family: 'IPv4',
    adopt: async () => undefined,
    verify: async () => undefined,
    cleanup: async () => undefined,
    async sync({ rows, changed = new Set(rows.keys()) }: ProxyState) {
      for (const key of changed) {
        const row = rows.get(key);
        if (row) known.set(key, row);
        else known.delete(key);
      }
      if (control.fails) throw new Error('refused');
      return { text: '', created: 0, changed: 0, deleted: 0 };
    },
  };
  return { dataplane, known, control };
}

function randomEvent({ model }: Stack, random: Random): void {
  const i = random(10);
  const key = `ns/s${i}`;
  if (random(3) === 0) {
    const spec = {
      type: 'LoadBalancer',
      clusterIP: `10.96.0.${i}`,
      ports: [{ name: 'p80', port: 80, nodePort: 30000 + i }],
      ...(random(2) ? { externalTrafficPolicy: 'Local', healthCheckNodePort: 31000 + i } : {}),
      ...(random(2) ? { internalTrafficPolicy: 'Local' } : {}),
    };
    model.setService(key, random(4) === 0 ? undefined : service(key, spec));
  } else {
    const endpoints = Array.from({ length: random(4) }, () => ({
      ip: `10.244.1.${random(9)}`,
      ...(random(3) ? {} : { node: 'worker' }),
      ...(random(4) ? {} : { ready: false }),
    }));
    model.setSlice(`${key}-a`, slice(key, endpoints));
  }
}

/** Service ports with a Local policy, ready endpoints elsewhere and none here. */
function withoutLocal(rows: Iterable<Row>) {
  const lacking = [...rows].filter(({ endpoints }) => {
    const ready = endpoints.filter((one) => one.ready);
    return ready.length > 0 && !ready.some((one) => one.isLocal);
  });
  return {
    internal: lacking.filter(({ port }) => port.internalPolicyLocal).length,
    external: lacking.filter(({ port }) => port.externalPolicyLocal).length,
  };
}

test.each([1, 2, 3, 4])(
  'what is kept row by row is what all rows say, failed syncs or not (seed %i)',
  async (seed) => {
    const random = randomFrom(seed);
    const { dataplane, known, control } = trustingDataplane();
    const stack = createStack('IPv4', 'worker', dataplane);
    const node = nodeFacts('worker', undefined);
    for (let step = 0; step < 150; step++) {
      for (let events = random(4); events > 0; events--) randomEvent(stack, random);
      control.fails = random(5) === 0;
      const synced = await syncStack(stack, node).then(
        () => true,
        () => false,
      );
      expect(synced).toBe(!control.fails);
      const rows = stack.model.rows();
      expect(known).toEqual(rows);
      if (!synced) continue;
      expect(stack.seen.withoutLocal).toEqual(withoutLocal(rows.values()));
      expect(checkedOf([stack])).toEqual(checkedServices(rows.values()));
    }
  },
);
