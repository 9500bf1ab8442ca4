import { expect, test } from 'vitest';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { proxyConfiguration } from '../configuration.ts';
import { createModel } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { service, slice } from '../testing/objects.ts';
import { randomFrom, randomObjects } from '../testing/random.ts';
import { ruleContext } from './context.ts';
import { tableBuilder } from './dataplane.ts';
import { difference, settle } from './diff.ts';
import { emptyTable } from './table.ts';

const node = nodeFacts('worker', undefined, { ips: ['172.18.0.3', 'fd00:172::3'] });
const contextOf = (family: 'IPv4' | 'IPv6') =>
  ruleContext(proxyConfiguration({ clusterCIDR: '10.244.0.0/16,fd00:244::/32' }), node, family);

const cases = [1, 2, 3, 4, 5, 6].flatMap((seed) =>
  (['upstream', 'flat'] as const).map((layout) => [layout, seed] as const),
);

test.each(cases)('a table that followed its rows is as one made from them: %s, seed %i', (layout, seed) => {
  const random = randomFrom(seed);
  const family = random(2) ? 'IPv4' : 'IPv6';
  const model = createModel(family, 'worker');
  const builder = tableBuilder(layout, contextOf(family));
  const standing = emptyTable();
  let keys: string[] = [];
  for (let step = 0; step < 25; step++) {
    for (const key of keys) if (random(3) === 0) model.setService(key, undefined);
    keys = [];
    for (const object of randomObjects(random)) {
      const key = `${object.metadata?.namespace}/${object.metadata?.name}`;
      if (object.kind === 'Service') model.setService(key, object as Service);
      if (object.kind === 'EndpointSlice') model.setSlice(key, object as EndpointSlice);
      if (object.kind === 'Service') keys.push(key);
    }
    const touched = builder.update(model.rows());
    const fresh = tableBuilder(layout, contextOf(family));
    fresh.update(model.rows());
    expect(sorted(builder.table)).toEqual(sorted(fresh.table));
    // What was touched is all that differs.
    settle(standing, builder.table, touched);
    expect(difference(standing, fresh.table, 'ip').groups).toEqual([]);
  }
});

test('of two Services on one address and port the first by name has its way, whoever came first', () => {
  const model = createModel('IPv4', 'worker');
  const builder = tableBuilder('flat', contextOf('IPv4'));
  const spec = { clusterIP: '10.96.0.1', ports: [{ name: 'p80', port: 80 }] };
  const endpoint = () => {
    builder.update(model.rows());
    return builder.table.elements.get('tcp-endpoints')?.get('10.96.0.1 . 80 . 0')?.value;
  };
  for (const [name, ip] of [
    ['b', '10.244.1.2'],
    ['a', '10.244.1.1'],
  ] as const) {
    model.setService(`ns/${name}`, service(`ns/${name}`, spec));
    model.setSlice(`ns/${name}-a`, slice(`ns/${name}`, [ip]));
    expect(endpoint()).toBe(`${ip} . 80`);
  }
  model.setService('ns/a', undefined);
  expect(endpoint()).toBe('10.244.1.2 . 80');
  model.setService('ns/b', undefined);
  expect(endpoint()).toBeUndefined();
});

/** Order between names means nothing. */
function sorted({ sets, chains, elements }: ReturnType<typeof emptyTable>) {
  const byName = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    sets: byName(sets),
    chains: byName(chains),
    elements: byName(elements)
      .map(([set, own]) => [set, byName(own)] as const)
      .filter(([, own]) => own.length > 0),
  };
}
