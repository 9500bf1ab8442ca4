import { expect } from 'vitest';
import type { Family } from '../../../api/address.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { EndpointSlice, Service } from '../../../api/types.ts';
import type { Kernel } from '../../../kernel/run.ts';
import { proxyConfiguration } from '../../configuration.ts';
import type { ProxyState } from '../../dataplane.ts';
import { createModel, type Model } from '../../model/model.ts';
import { nodeFacts } from '../../node.ts';
import { randomConfiguration, randomFrom, randomObjects } from '../../testing/random.ts';
import { createNftablesDataplane } from '../dataplane.ts';

export interface History {
  readonly kernel: Kernel;
  readonly family: Family;
  readonly layout: 'upstream' | 'flat';
  readonly seed: number;
  readonly steps: number;
}

/**
 * Writes one random state after the other, each by what differs, and has the kernel's own listing compared
 * with what was wanted. Now and then the process is another one, which must adopt without a write.
 */
export async function replayHistory({ kernel, family, layout, seed, steps }: History): Promise<void> {
  const random = randomFrom(seed);
  const configuration = proxyConfiguration({
    ...randomConfiguration(random),
    nftables: { layout, masqueradeAll: random(5) === 0 },
  });
  const create = () => createNftablesDataplane({ kernel, family, configuration });
  const model = createModel(family, 'worker');
  const state = (): ProxyState => ({
    rows: model.rows(),
    node: nodeFacts('worker', undefined, { ips: ['172.18.0.3', 'fd00:172::3'] }),
  });
  let dataplane = create();
  let objects: KubeObject[] = [];
  for (let step = 0; step < steps; step++) {
    const fresh = randomObjects(random);
    // Some of what stood stays as it is.
    objects = [...fresh, ...objects.filter(() => random(3) > 0)];
    setObjects(model, objects);
    const where = `${family} ${layout}, seed ${seed}, step ${step}`;
    await dataplane.sync(state());
    expect(await dataplane.verify(), where).toBeUndefined();
    if (random(3) === 0) {
      dataplane = create();
      expect((await dataplane.sync(state())).text, `${where}: adopted`).toBe('');
    }
  }
  await dataplane.cleanup();
}

const keyOf = ({ metadata = {} }: KubeObject) => `${metadata.namespace}/${metadata.name}`;

/** The first object of a key counts. */
function setObjects(model: Model, objects: readonly KubeObject[]): void {
  const of = (kind: string) =>
    new Map(objects.filter((one) => one.kind === kind).map((one) => [keyOf(one), one] as const));
  const [services, slices] = [of('Service'), of('EndpointSlice')];
  for (const key of known.get(model) ?? []) {
    if (!services.has(key)) model.setService(key, undefined);
    if (!slices.has(key)) model.setSlice(key, undefined);
  }
  for (const [key, service] of services) model.setService(key, service as Service);
  for (const [key, slice] of slices) model.setSlice(key, slice as EndpointSlice);
  known.set(model, [...services.keys(), ...slices.keys()]);
}

const known = new WeakMap<Model, string[]>();
