import { describe, expect, it } from 'vitest';
import { etcdProgram, startTestEtcd } from './testing/etcd.ts';
import { killLoop } from './testing/kill-loop.ts';

const program = await etcdProgram();

describe('kill -9 while everybody writes', () => {
  it('loses and halves nothing on level', { timeout: 120_000 }, async () => {
    expect(await killLoop({ cycles: 5 })).toBeGreaterThan(5);
  });

  it.skipIf(!program)('nor on etcd, which is killed too', { timeout: 120_000 }, async () => {
    const etcd = await startTestEtcd(program ?? '');
    try {
      const options = { endpoints: [etcd.url], tls: etcd.tls, patience: 30_000 };
      const disturb = () => etcd.kill().then(etcd.restart);
      expect(await killLoop({ cycles: 4, etcd: options, disturb })).toBeGreaterThan(4);
    } finally {
      await etcd.stop();
    }
  });
});
