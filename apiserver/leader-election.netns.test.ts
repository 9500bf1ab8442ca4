import { afterAll, beforeAll, expect, it } from 'vitest';
import { runElected } from '../api/leader-election.ts';
import { resources } from '../api/scheme.ts';
import { startTestApiserver, type TestApiserver } from './testing/apiserver.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(() => server.stop());

const times = { leaseDuration: 400, renewDeadline: 300, retryPeriod: 40 };

it('has one leader at a time, and the next when that is gone for so long', async () => {
  const leading = new Set<string>();
  let most = 0;
  const heard: (() => void)[] = [];
  const candidates = new Map(['a', 'b', 'c'].map((identity) => [identity, new AbortController()]));
  const ended = [...candidates].map(([identity, { signal }]) =>
    runElected(
      {
        client: server.client,
        name: 'tested',
        identity,
        times,
        onError: (error) => {
          throw error;
        },
      },
      (term) => {
        leading.add(identity);
        most = Math.max(most, leading.size);
        term.addEventListener('abort', () => leading.delete(identity), { once: true });
        for (const tell of heard.splice(0)) tell();
      },
      { signal },
    ),
  );
  const nextLeader = () => new Promise<void>((resolve) => heard.push(resolve));
  const seen: string[] = [];
  if (leading.size === 0) await nextLeader();
  while (candidates.size > 0) {
    const [leader = ''] = leading;
    seen.push(leader);
    const ref = { name: 'tested', namespace: 'kube-system' };
    const { spec } = await server.client.get(resources.leases, ref);
    expect(spec).toMatchObject({ holderIdentity: leader, leaseTransitions: seen.length - 1 });
    const next = candidates.size > 1 ? nextLeader() : undefined;
    candidates.get(leader)?.abort();
    candidates.delete(leader);
    await next;
  }
  await Promise.all(ended);
  expect(seen.sort()).toEqual(['a', 'b', 'c']);
  expect(most).toBe(1);
});
