import { afterAll, beforeAll, expect, test } from 'vitest';
import { attack, startVictim, type Victim } from './testing/hostile.ts';
import { addressReply, startUpstream, type TestUpstream } from './testing/upstream.ts';

/** Packets that no honest client sends; a million of them are in hostile.soak.test.ts. */

let upstream: TestUpstream;
let victim: Victim;
beforeAll(async () => {
  upstream = await startUpstream((query) => addressReply(query));
  victim = await startVictim(`.:0 {
    bind 127.0.0.1
    errors
    any
    rewrite name exact old.example.org www.example.org
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    prometheus 127.0.0.1:0
    forward . 127.0.0.1:${upstream.port} {
      max_concurrent 1000
    }
    cache 30
    loadbalance
  }`);
});
afterAll(async () => {
  await victim.kill();
  upstream.close();
}, 120_000);

test('twenty thousand packets of nonsense are refused or dropped, and each good question is answered', async () => {
  const { sent, answered, replies } = await attack(victim, 1, 20_000);
  expect({ sent, answered }).toEqual({ sent: 20_000, answered: 313 });
  expect(Object.keys(replies)).toEqual(
    expect.arrayContaining(['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'BADVERS']),
  );
}, 120_000);
