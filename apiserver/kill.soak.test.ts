import { expect, it } from 'vitest';
import { etcdProgram, startTestEtcd } from './testing/etcd.ts';
import { killLoop } from './testing/kill-loop.ts';

const program = await etcdProgram();
/** Of a busy machine: every start costs half a second of an idle one. */
const hour = 3_600_000;

it('loses and halves nothing in 1,000 kills on level', { timeout: hour }, async () => {
  const acknowledged = await killLoop({ cycles: 1_000 });
  expect(acknowledged).toBeGreaterThan(1_000);
  console.log(`level: ${acknowledged} writes acknowledged`);
});

it.skipIf(!program)('nor in 200 on etcd, which is killed in every other', { timeout: hour }, async () => {
  const etcd = await startTestEtcd(program ?? '');
  try {
    const options = { endpoints: [etcd.url], tls: etcd.tls, patience: 30_000 };
    const disturb = () => etcd.kill().then(etcd.restart);
    const acknowledged = await killLoop({ cycles: 200, etcd: options, disturb });
    expect(acknowledged).toBeGreaterThan(200);
    console.log(`etcd: ${acknowledged} writes acknowledged`);
  } finally {
    await etcd.stop();
  }
});
