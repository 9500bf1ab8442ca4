// agnhost inclusterclient: asks the apiserver whether it is healthy, again and again, and logs a hash of the token it shows.
// Upstream: inclusterclient/main.go.
import { createHash } from 'node:crypto';
import { askApiserver, authorization } from './in-cluster.mjs';
import { flagsOf } from './reviews.mjs';

const flags = flagsOf(process.argv.slice(2), { 'poll-interval': '30' });
const note = (level, line) => {
  const [, month, day, time] = /-(\d\d)-(\d\d)T([\d:.]+)Z/.exec(new Date().toISOString());
  console.error(`${level}${month}${day} ${time}000 ${String(process.pid).padStart(7)} main.go:62] ${line}`);
};
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(2));
note('I', 'started');
setInterval(ask, Number(flags['poll-interval']) * 1000);

async function ask() {
  note('I', 'calling /healthz');
  try {
    const hash = createHash('sha256').update(`salt|${authorization()}`).digest('base64url');
    note('I', `authz_header=${hash}`);
    await askApiserver('/healthz');
  } catch (error) {
    note('E', 'status=failed');
    note('E', `error checking /healthz: ${error.message}`);
  }
}
