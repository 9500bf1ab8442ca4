import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Container, EnvVar, Pod } from '../api/types.ts';
import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/handle.ts';

const agnhost = (...args: string[]): Partial<Container> => ({
  image: 'registry.k8s.io/e2e-test-images/agnhost:2.53',
  args,
});
const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const addresses = [field('POD_IP', 'status.podIP'), field('NODE_IP', 'status.hostIP')];

/** Pods that serve. */
const servers: Record<string, Partial<Container>> = {
  netexec: agnhost('netexec', '--http-port=80'),
  override: agnhost('netexec', '--http-override=/echo?msg=always', '--udp-port=-1'),
  porter: {
    ...agnhost('porter'),
    env: [
      { name: 'SERVE_PORT_81', value: '<a href="/x">eighty-one</a>' },
      { name: 'SERVE_TLS_PORT_443', value: 'over TLS' },
    ],
  },
  webhook: agnhost('webhook', '--tls-cert-file=/localhost.crt', '--tls-private-key-file=/localhost.key'),
  nautilus: { image: 'gcr.io/kubernetes-e2e-test-images/nautilus:1.0' },
  'serve-hostname': agnhost('serve-hostname', '--port=82'),
  'no-snat-a': { ...agnhost('no-snat-test'), env: addresses },
  'no-snat-b': { ...agnhost('no-snat-test'), env: addresses },
  'no-snat-proxy': agnhost('no-snat-test-proxy'),
  'test-webserver': agnhost('test-webserver'),
  primary: agnhost('guestbook', '--http-port=6379'),
  pause: agnhost(),
  forward: {
    ...agnhost('port-forward-tester'),
    env: Object.entries({
      BIND_ADDRESS: '0.0.0.0',
      BIND_PORT: '83',
      CHUNKS: '3',
      CHUNK_SIZE: '10',
      CHUNK_INTERVAL: '1',
    }).map(([name, value]) => ({ name, value })),
  },
  liveness: { image: 'k8s.gcr.io/liveness' },
  'http-echo': { image: 'hashicorp/http-echo:1.0', args: ['-text=hello', '-listen=:84'] },
  whoami: { image: 'traefik/whoami' },
  'hello-app': { image: 'gcr.io/google-samples/hello-app:1.0' },
  'nginx-hello': { image: 'nginxdemos/hello:plain-text' },
  httpd: { image: 'httpd:2.4' },
};

/** Pods that end. */
const commands: Record<string, Partial<Container>> = {
  pi: { image: 'perl:5.34.0', command: ['perl', '-Mbignum=bpi', '-wle', 'print bpi(2000)'] },
  logs: agnhost('logs-generator', '-t', '3', '-d', '30ms'),
  entrypoint: agnhost('entrypoint-tester', 'a', 'b'),
  mounttest: agnhost(
    'mounttest',
    '--fs_type=/tmp',
    '--new_file_0660=/tmp/f',
    '--file_perm=/tmp/f',
    '--file_mode=/tmp',
  ),
};

const dns: Partial<Pod['spec']> = {
  dnsPolicy: 'None',
  dnsConfig: { nameservers: ['127.0.0.1', '127.0.0.2'], searches: ['a.example', 'b.example'] },
};

let cluster: Cluster;
const ip: Record<string, string> = {};
const run = async (command: string) =>
  (await cluster.node('control-plane').exec(['sh', '-c', command])).stdout;
const get = (pod: string, rest: string) =>
  run(`curl -s --retry 20 --retry-connrefused --retry-delay 1 http://${ip[pod]}${rest}`);
const log = (pod: string) => run(`cat /run/v9s/nodes/*/pods/*/containers/${pod}/0.log`);

function manifest(name: string, container: Partial<Container>, more: Partial<Pod['spec']> = {}): string {
  const containers = [{ name, ...container }];
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers, restartPolicy: 'Never', terminationGracePeriodSeconds: 1, ...more },
  });
}

beforeAll(async () => {
  cluster = await startCluster({ name: 'catalogue', nodes: 1, clusterDns: 'none' });
  const pods = Object.entries({ ...servers, ...commands });
  await cluster.apply(
    pods.map(([name, container]) => manifest(name, container, name === 'pause' ? dns : {})).join('\n---\n'),
  );
  const ended = ({ status, metadata }: Pod) =>
    (metadata?.name ?? '') in commands ? status?.phase === 'Succeeded' : status?.phase === 'Running';
  const found = await cluster.waitFor<Pod>('pods', (all) => all.length === pods.length && all.every(ended));
  for (const { metadata, status } of found) ip[metadata?.name ?? ''] = status?.podIP ?? '';
});

afterAll(() => cluster?.stop());

describe('agnhost', () => {
  it('netexec tells who answers and who asks, over HTTP and UDP', async () => {
    expect(await get('netexec', '/hostname')).toBe('netexec');
    expect(await get('netexec', '/clientip')).toMatch(/^10\.244\.0\.1:\d+$/);
    expect(await get('netexec', '/echo?msg=a%26b')).toBe('a&b');
    expect(await get('netexec', '/header?key=x-test -H X-Test:1')).toBe('1');
    expect(await run(`curl -so /dev/null -w '%{http_code}' http://${ip.netexec}/echo?code=418`)).toBe('418');
    expect(await run(`curl -so /dev/null -w '%{http_code}' http://${ip.netexec}/healthz`)).toBe('200');
    expect(
      await run(`curl -so /dev/null -w '%{redirect_url}' 'http://${ip.netexec}/redirect?location=/x'`),
    ).toBe(`http://${ip.netexec}/x`);
    expect(JSON.parse(await get('netexec', '/shell?cmd=echo+out'))).toEqual({ output: 'out\n' });
    expect(JSON.parse(await get('netexec', '/shell?cmd=exit+3'))).toEqual({ error: 'exit status 3' });
    expect(await get('override', ':8080/any')).toBe('always');
  });

  it('netexec dials others, itself too', async () => {
    const dial = async (host: string, port: number, protocol: string, request: string) =>
      JSON.parse(
        await get(
          'netexec',
          `/dial?host=${host}\\&port=${port}\\&protocol=${protocol}\\&request=${request}\\&tries=2`,
        ),
      );
    const both = { responses: ['netexec', 'netexec'] };
    expect(await dial(ip.netexec ?? '', 80, 'http', 'hostname')).toEqual(both);
    expect(await dial(ip.netexec ?? '', 8081, 'udp', 'hostname')).toEqual(both);
    expect(await dial(ip.pause ?? '', 80, 'http', 'x')).toEqual({
      errors: [expect.stringContaining('connection refused'), expect.stringContaining('connection refused')],
    });
  });

  it('connect says in one word why it cannot', async () => {
    const connect = async (...args: string[]) => {
      const { exitCode, stderr } = await cluster
        .pod('pause')
        .exec(['/agnhost', 'connect', '--timeout=2s', ...args], { allowFailure: true });
      return exitCode === 0 ? 'ok' : stderr.split(/[:\n]/)[0];
    };
    expect(await connect(`${ip.netexec}:80`)).toBe('ok');
    expect(await connect(`${ip.netexec}:8081`, '--protocol=udp')).toBe('ok');
    expect(await connect(`${ip.netexec}:1`)).toBe('REFUSED');
    expect(await connect(`${ip.netexec}:1`, '--protocol=udp')).toBe('REFUSED');
    expect(await connect('10.244.0.254:80', '--timeout=100ms')).toBe('TIMEOUT');
    expect(await connect('no.such.name:80')).toBe('DNS');
    expect(await connect('no-port')).toBe('UNKNOWN');
  });

  it('tells of its own settings', async () => {
    const say = async (word: string) => (await cluster.pod('pause').exec(['/agnhost', word])).stdout;
    expect(await say('dns-suffix')).toBe('a.example,b.example\n');
    expect(await say('dns-server-list')).toBe('127.0.0.1,127.0.0.2\n');
    expect(await say('etc-hosts')).toContain(`${ip.pause}\tpause`);
    expect(await log('entrypoint')).toContain('[/agnhost entrypoint-tester a b]');
    expect(await log('pause')).toContain('Paused');
    expect((await log('logs')).match(/ [012] (GET|POST|PUT) \/api\/v1\/namespaces\//g)).toHaveLength(3);
  });

  it('serves what other tests of networks ask', async () => {
    expect(await get('porter', ':81/ -D -')).toMatch(
      /Content-Type: text\/html[\s\S]*\r\n<a href="\/x">eighty-one<\/a>$/,
    );
    expect(await run(`curl -sk --retry 20 --retry-connrefused --retry-delay 1 https://${ip.porter}`)).toBe(
      'over TLS',
    );
    expect(JSON.parse(await get('nautilus', '/data.json'))).toEqual({ image: 'nautilus.jpg' });
    expect(await get('serve-hostname', ':82/')).toBe('serve-hostname');
    expect(await get('test-webserver', '/etc/hostname')).toBe('test-webserver\n');
    expect(await get('test-webserver', '/nosuch')).toBe('404 page not found\n');
    expect(await get('forward', ':83 --http0.9 | tail -c 30')).toBe('x'.repeat(30));
    const ok = `-so /dev/null -w '%{http_code}' `;
    expect(
      await run(`curl ${ok} http://${ip['no-snat-a']}:8080/checknosnat?ips=${ip['no-snat-b']}:8080`),
    ).toBe('200');
    expect(
      await get(
        'no-snat-proxy',
        `:31235/checknosnat?target=${ip['no-snat-a']}:8080\\&ips=${ip['no-snat-b']}:8080 -w '%{http_code}'`,
      ),
    ).toBe('200');
  });

  it('nc tells whether a port is open, and carries what is said', async () => {
    const nc = async (command: string) => {
      const { exitCode, stdout } = await cluster
        .pod('pause')
        .exec(['sh', '-c', command], { allowFailure: true });
      return exitCode === 0 ? stdout : exitCode;
    };
    expect(await nc(`nc -zv -t -w 2 ${ip.netexec} 80`)).toBe('');
    expect(await nc(`nc -zv -t -w 2 ${ip.netexec} 1`)).toBe(1);
    expect(await nc(`nc -zv -u -w 2 ${ip.netexec} 1`)).toBe(1);
    expect(await nc(`echo hostname | nc -w 1 -u ${ip.netexec} 8081`)).toBe('netexec');
    expect(
      await nc(`echo one | nc -l -p 90 & until echo two | nc -q 0 127.0.0.1 90; do :; done; wait`),
    ).toContain('two');
  });

  it('coredns in it serves names, for tests of resolvers', async () => {
    const { stdout } = await cluster.pod('pause').exec(['/coredns', '-version']);
    expect(stdout).toMatch(/^CoreDNS-1\./);
  });

  it('mounttest says what a file is as Go writes it', async () => {
    const said = (await log('mounttest')).replaceAll(/^\S+ stdout F /gm, '');
    expect(said).toContain('mount type of "/tmp": tmpfs\n');
    expect(said).toContain('content of file "/tmp/f": mount-tester new file\n');
    expect(said).toContain('mode of file "/tmp": dtrwxrwxrwx\nperms of file "/tmp/f": -rw-rw----\n');
  });

  it('webhook reviews over TLS', async () => {
    const review = async (path: string, request: object) => {
      const body = JSON.stringify({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        request: { uid: 'u', ...request },
      });
      const options = '-sk --retry 20 --retry-connrefused --retry-delay 1';
      return JSON.parse(await run(`curl ${options} https://${ip.webhook}${path} -d '${body}'`)).response;
    };
    expect(await review('/always-deny', {})).toMatchObject({
      uid: 'u',
      allowed: false,
      status: { message: 'this webhook denies all requests' },
    });
    const object = { metadata: { labels: { a: 'b' } }, data: { 'mutation-start': 'yes' } };
    const patchOf = ({ patch }: { patch: string }) => JSON.parse(Buffer.from(patch, 'base64').toString());
    expect(patchOf(await review('/add-label', { object }))).toEqual([
      { op: 'add', path: '/metadata/labels/added-label', value: 'yes' },
    ]);
    expect(patchOf(await review('/mutating-configmaps', { object }))).toEqual([
      { op: 'add', path: '/data/mutation-stage-1', value: 'yes' },
    ]);
    const stays = { metadata: {}, data: { 'webhook-e2e-test': 'webhook-nondeletable' } };
    expect(await review('/configmaps', { operation: 'DELETE', oldObject: stays })).toMatchObject({
      allowed: false,
    });
    expect(await review('/configmaps', { operation: 'UPDATE', object: stays })).toMatchObject({
      allowed: true,
    });
  });

  it('guestbook copies what is written to the primary', async () => {
    await get('primary', ':6379/set?key=before\\&value=1');
    const aliases = {
      hostAliases: [{ ip: ip.primary ?? '', hostnames: ['agnhost-primary', 'agnhost-replica'] }],
    };
    await cluster.apply(
      [
        manifest('replica', agnhost('guestbook', `--replicaof=${ip.primary}`, '--http-port=6379')),
        manifest('frontend', agnhost('guestbook', '--backend-port=6379'), aliases),
      ].join('\n---\n'),
    );
    const found = await cluster.waitFor<Pod>('pods', (all) =>
      ['replica', 'frontend'].every((name) =>
        all.some(({ metadata, status }) => metadata?.name === name && status?.podIP),
      ),
    );
    for (const { metadata, status } of found) ip[metadata?.name ?? ''] = status?.podIP ?? '';
    await run(`until curl -s http://${ip.replica}:6379/get | grep -q before; do sleep 0.05; done`);
    expect(await get('frontend', '/guestbook?cmd=set\\&key=k\\&value=v%22w')).toBe('{"message":"Updated"}');
    expect(await get('replica', ':6379/get?key=k')).toBe('{"data":"v\\"w"}');
    expect(await get('frontend', '/guestbook?cmd=get\\&key=k')).toBe('{"data":"v\\"w"}');
  });

  it('ends with the code that /exit is given', async () => {
    await run(`curl -s 'http://${ip.netexec}/exit?code=3' || true`);
    const isFailed = ({ metadata, status }: Pod) =>
      metadata?.name === 'netexec' && status?.phase === 'Failed';
    const pods = await cluster.waitFor<Pod>('pods', (all) => all.some(isFailed));
    const pod = pods.find(isFailed);
    expect(pod?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(3);
  });
});

it('images of tutorials greet as they do', async () => {
  expect(await get('http-echo', ':84/')).toBe('hello\n');
  expect(await get('hello-app', ':8080/')).toBe('Hello, world!\nVersion: 1.0.0\nHostname: hello-app\n');
  expect(await get('nginx-hello', '/x')).toMatch(
    new RegExp(`^Server address: ${ip['nginx-hello']}:80\nServer name: nginx-hello\n`),
  );
  expect(await get('whoami', '/')).toMatch(
    /^Hostname: whoami\nIP: [\s\S]*RemoteAddr: 10\.244\.0\.1:\d+\nGET \/ HTTP\/1\.1\n/,
  );
  expect(await get('whoami', '/')).toContain(`IP: ${ip.whoami}\n`);
  expect(JSON.parse(await get('whoami', '/api'))).toMatchObject({ hostname: 'whoami', method: 'GET' });
  expect(await get('httpd', '/')).toBe('<html><body><h1>It works!</h1></body></html>\n');
});

it("the Job of article 003 prints pi's digits", async () => {
  expect(await log('pi')).toMatch(/ stdout F 3\.14159265358979\d+04780275901\n/);
});

it('liveness turns unhealthy, and says since when', async () => {
  const answer = await run(
    `until a=$(curl -sw ' %{http_code}' http://${ip.liveness}:8080/healthz); [ "\${a##* }" = 500 ]; do sleep 0.1; done; echo "$a"`,
  );
  expect(answer).toMatch(/^error: \d\d(\.\d+)? 500\n$/);
});
