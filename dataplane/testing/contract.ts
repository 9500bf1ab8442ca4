import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Family } from '../../api/address.ts';
import type { NftablesLayout } from '../configuration.ts';
import { describeChanges } from './changes.ts';
import { configuredRows } from './configured.ts';
import { endpointRows } from './endpointrows.ts';
import { wrongFlows } from './flowcheck.ts';
import type { Differences, Row } from './rows.ts';
import { startTestNode, type TestNode } from './sandbox.ts';
import { serviceRows } from './servicerows.ts';
import {
  type CreateDataplane,
  createWorld,
  type SuiteConfiguration,
  suiteConfiguration,
  type World,
} from './world.ts';

/** What to hold to the suite. */
export interface Tested {
  readonly mode: string;
  readonly create: CreateDataplane;
  readonly layout?: NftablesLayout;
  readonly differences?: Partial<Differences>;
  readonly families?: readonly Family[];
  /** Those for which other configurations and changes are tried too; by default all of them. */
  readonly whole?: readonly Family[];
  /** Names: of the rows to try in the other families, and of the other configurations; by default all. */
  readonly sample?: { readonly rows: readonly string[]; readonly configurations: readonly string[] };
}

/**
 * What every way into the kernel must do, with real packets between two nodes, their pods and somebody outside, in
 * TCP, UDP and SCTP and both address families.
 */
export function describeDataplane(
  name: string,
  { mode, create, layout, differences = {}, families = ['IPv4', 'IPv6'], whole = families, sample }: Tested,
): void {
  const differs: Differences = {
    localhost: false,
    nodeToNothing: 'refused',
    everyAddress: true,
    otherPort: 'refused',
    oneServer: false,
    hashedAffinity: () => false,
    ...differences,
  };
  describe(`dataplane ${name}`, () => {
    let lab: TestNode;
    beforeAll(async () => {
      lab = await startTestNode();
      await Promise.all([
        ...['pod1', 'pod2', 'pod3', 'pod4'].map((pod) => lab.serve(pod, pod, [9376])),
        lab.serve('pod1', 'pod1-b', [9377]),
        lab.agent.write(undefined, '/proc/sys/net/ipv4/conf/all/route_localnet', '1'),
      ]);
    });
    afterAll(() => lab[Symbol.asyncDispose]());
    const world = (family: Family, more: SuiteConfiguration = {}, options = {}) =>
      createWorld(
        lab,
        family,
        suiteConfiguration({ mode, ...(layout ? { layout } : {}), ...more }),
        create,
        options,
      );

    describe.each(families)('%s', (family) => {
      const rows = [...serviceRows(differs, family), ...endpointRows(differs)];
      const kept =
        whole.includes(family) || !sample ? rows : rows.filter(({ name }) => sample.rows.includes(name));
      describeRows('Services side by side', () => world(family), kept);
      if (!whole.includes(family)) return;
      for (const { name, configuration, rows } of configuredRows(differs, family))
        if (sample?.configurations.includes(name) ?? true)
          describeRows(name, () => world(family, configuration), rows);
      describe('changes', () => describeChanges(() => world(family, {}, { alone: true }), family, differs));
    });
  });
}

/** Services that stand side by side, each with those who reach it. */
function describeRows(name: string, create: () => World, rows: readonly Row[]): void {
  describe(name, () => {
    let world: World;
    beforeAll(async () => {
      world = create();
      for (const [i, row] of rows.entries()) world.expose({ ...row, number: i + 1 });
      await world.sync();
    });
    afterAll(() => world.cleanup());
    test.concurrent.each(rows.map((row, i) => ({ ...row, number: i + 1 })))(
      '$name',
      async ({ number, flows }) => {
        expect(await wrongFlows(world, number, flows)).toBe('');
      },
    );
  });
}
