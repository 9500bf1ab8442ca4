import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Pod } from '../../api/types.ts';
import { startCluster } from '../../cluster/cluster.ts';
import type { Cluster } from '../../cluster/handle.ts';

let cluster: Cluster;
let ip = '';

const run = async (command: string) =>
  (await cluster.node('control-plane').exec(['sh', '-c', command])).stdout;
const logs = () => run('cat /run/v9s/nodes/*/pods/*/containers/web/0.log');

beforeAll(async () => {
  cluster = await startCluster({ name: 'nginx', nodes: 1, clusterDns: 'none' });
  const spec = { containers: [{ name: 'web', image: 'nginx:1.15' }] };
  await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec }));
  const [pod] = await cluster.waitFor<Pod>('pods', 'Ready');
  ip = pod?.status?.podIP ?? '';
  // A pod is Ready when its program runs, which then has yet to listen.
  await run(`until curl -so /dev/null http://${ip}/; do sleep 0.02; done`);
});

afterAll(() => cluster?.stop());

it('welcomes, with the headers of nginx, and logs who asked', async () => {
  const answer = await run(`curl -si -A tester http://${ip}/`);
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\nServer: nginx\/[\d.]+\r\nDate: .* GMT\r\n/);
  expect(answer).toContain('Content-Type: text/html\r\n');
  expect(answer).toContain('<title>Welcome to nginx!</title>');
  expect(await logs()).toMatch(
    / stdout F 10\.244\.0\.1 - - \[.* \+0000\] "GET \/ HTTP\/1\.1" 200 \d+ "-" "tester" "-"$/m,
  );
});

it('serves what is in its folder, and only that', async () => {
  const root = '/usr/share/nginx/html';
  await cluster
    .pod('web')
    .exec(['sh', '-c', `mkdir ${root}/a && echo own > ${root}/index.html && echo '{}' > ${root}/a/b.json`]);
  const asked = ['', 'a/b.json', 'a', 'a/', 'nosuch', '%2e%2e/50x'].map(
    (path) => `curl -s --path-as-is -o /dev/null -w '%{http_code} %{content_type}\\n' http://${ip}/${path}`,
  );
  expect(await run(`curl -s http://${ip}/; ${asked.join('; ')}`)).toBe(
    'own\n200 text/html\n200 application/json\n301 text/html\n403 text/html\n404 text/html\n400 text/html\n',
  );
  expect(await run(`curl -s -X POST http://${ip}/`)).toContain('<center><h1>405 Not Allowed</h1></center>');
  const tag = await run(`curl -sI http://${ip}/ | sed -n 's/^ETag: //p' | tr -d '\\r\\n'`);
  expect(await run(`curl -s -o /dev/null -w '%{http_code}' -H 'If-None-Match: ${tag}' http://${ip}/`)).toBe(
    '304',
  );
});

it('keeps connections, answers requests that come together, and refuses what is no HTTP', async () => {
  const both = String.raw`'GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'`;
  const answers = await run(
    `bash -c 'exec 3<>/dev/tcp/${ip}/80; printf ${both.replaceAll("'", '"')} >&3; cat <&3'`,
  );
  expect(answers.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
  expect(answers).toMatch(/Connection: keep-alive[\s\S]*\nown\n[\s\S]*Connection: close/);
  expect(await run(`bash -c 'exec 3<>/dev/tcp/${ip}/80; printf "ssh\\r\\n\\r\\n" >&3; cat <&3'`)).toMatch(
    /^HTTP\/1.1 400 Bad Request/,
  );
});

it('answers nginx -v, and ends at SIGTERM', async () => {
  expect((await cluster.pod('web').exec(['nginx', '-v'])).stderr).toMatch(/^nginx version: nginx\/[\d.]+\n$/);
  await cluster.kubectl(['delete', 'pod', 'web', '--wait=false']);
  await cluster.waitFor<Pod>('pods', (pods) => pods.length === 0, { timeout: 10_000 });
});
