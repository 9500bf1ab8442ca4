/** An apiserver in a process of its own, told by IPC where it is; it ends with its parent. */
import { startTestApiserver } from '../../apiserver/testing/apiserver.ts';

const server = await startTestApiserver();
const { cert, key } = server.pki.client('bench', ['system:masters']);
process.send?.({ url: server.url, ca: server.pki.ca, cert, key });
process.once('disconnect', () => server.stop().then(() => process.exit()));
