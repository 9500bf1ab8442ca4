/**
 * An apiserver in a process of its own, told by IPC where it is; it ends with its parent. `ETCD`, as JSON, takes the
 * place of its database.
 */
import type { ApiserverConfig } from '../../apiserver/main.ts';
import { startTestApiserver } from '../../apiserver/testing/apiserver.ts';

async function serve(etcd: ApiserverConfig['etcd']): Promise<void> {
  const server = await startTestApiserver(etcd ? { etcd } : {});
  const { cert, key } = server.pki.client('bench', ['system:masters']);
  process.send?.({ url: server.url, ca: server.pki.ca, cert, key });
  process.once('disconnect', () => server.stop().then(() => process.exit()));
}

void serve(process.env.ETCD ? JSON.parse(process.env.ETCD) : undefined);
