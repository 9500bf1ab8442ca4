import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { attack, startVictim, type Victim } from './testing/hostile.ts';
import { addressReply, startUpstream, type TestUpstream } from './testing/upstream.ts';

/** What hostile.netns.test.ts does, long enough to see memory that is not given back; what may be kept is full soon. */

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(): Promise<Victim> {
  const upstream: TestUpstream = await startUpstream((query, count) => {
    if (count % 1_000 === 0) upstream.asked.length = 0;
    return addressReply(query);
  });
  const victim = await startVictim(`.:0 {
    bind 127.0.0.1
    any
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    prometheus 127.0.0.1:0
    forward . 127.0.0.1:${upstream.port} {
      max_concurrent 1000
    }
    cache 30 {
      success 1000
      denial 1000
    }
    loadbalance
  }`);
  ends.push(() => upstream.close(), victim.kill);
  return victim;
}

test('a million packets of nonsense leave no more memory than those that filled the caches', async () => {
  const victim = await start();
  const first = await attack(victim, 1, 300_000);
  const warm = victim.resident();
  const second = await attack(victim, 2, 700_000);
  const after = victim.resident();
  for (const { sent, replies } of [first, second]) console.log(`${sent} packets: ${JSON.stringify(replies)}`);
  console.log(`${warm.toFixed(0)} MB before the second part, ${after.toFixed(0)} after`);
  expect(first.sent + second.sent).toBe(1_000_000);
  expect(after - warm).toBeLessThan(16);
});

test('with ten thousand idle connections, others are answered over UDP and TCP, and memory has a limit', async () => {
  const victim = await start();
  await attack(victim, 2, 20_000);
  const before = victim.resident();
  const idle: Socket[] = [];
  ends.push(() => {
    for (const socket of idle) socket.destroy();
  });
  for (let i = 0; i < 10_000; i++) {
    const socket = connect({
      port: victim.port,
      host: `127.0.0.1`,
      localAddress: `127.0.1.${1 + (i % 200)}`,
    });
    socket.on('error', () => socket.destroy()); // it may be closed for another one
    idle.push(socket);
    if (i % 500 === 499) await once(socket, 'connect');
  }
  const { answered } = await attack(victim, 3, 20_000);
  expect(answered).toBe(313);
  const during = victim.resident();
  console.log(`${before.toFixed(0)} MB before, ${during.toFixed(0)} with 10,000 connections`);
  expect(during - before).toBeLessThan(80);
});
