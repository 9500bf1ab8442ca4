import { expect, test } from 'vitest';
import { createReplay, endOf, type History, tryHistory } from './history.ts';
import { happenings, randomHistory } from './randomhistory.ts';

test('a history that fails is told with its seed, as short as it can be', async () => {
  const history = randomHistory(3, 40);
  const seen = (steps: History, kind: string, gone: boolean) =>
    steps.some(({ changes }) => changes.some((one) => one.kind === kind && !one.object === gone));
  const broken = async (steps: History) => {
    if (seen(steps, 'Service', true) && seen(steps, 'EndpointSlice', false)) throw new Error('broken');
  };
  const error = await tryHistory(3, history, broken).catch((reason: unknown) => reason);
  const text = error instanceof Error ? error.message : '';
  expect(text).toMatch(/^seed 3: broken\nafter [12] of 40 steps:\n1\. /);
  expect(text.match(/^ {3}(Service|EndpointSlice|Node) /gm)).toHaveLength(2);
  await tryHistory(3, history, async () => undefined);
});

test('the same seed gives the same history, and its end is that of its steps', () => {
  const history = randomHistory(11, 60);
  expect(randomHistory(11, 60)).toEqual(history);
  const [replay, atOnce] = [createReplay('IPv6'), createReplay('IPv6')];
  for (const step of history) replay.apply(step);
  atOnce.apply(endOf(history));
  const [one, other] = [replay.state(), atOnce.state()];
  expect(one.rows).toEqual(other.rows);
  expect(one.node).toEqual(other.node);
});

test('histories hold all that may happen', () => {
  const done = new Set<string>();
  const kinds = new Set<string>();
  for (let seed = 0; seed < 20; seed++)
    for (const { what, changes } of randomHistory(seed, 60)) {
      for (const one of what.split(', ')) done.add(one);
      for (const { kind, object } of changes) kinds.add(`${kind} ${object ? 'put' : 'deleted'}`);
    }
  expect([...kinds].sort()).toEqual([
    'EndpointSlice deleted',
    'EndpointSlice put',
    'Node put',
    'Service deleted',
    'Service put',
  ]);
  expect([...done].sort()).toEqual(Object.keys(happenings).sort());
});
