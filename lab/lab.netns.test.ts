import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { decode, encode } from 'dns-packet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { probeFeatures } from '../kernel/features.ts';
import { attachLab, type StartedLab, startLab } from './index.ts';
import { nodes, temporaryDirectory, until, web } from './testing/host.ts';

const directory = temporaryDirectory();
let lab: StartedLab;
let nameserver: Socket;

beforeAll(async () => {
  nameserver = await startNameserver();
  process.env.V9S_TEST_SECRET = 'must not be seen';
  lab = await startLab({
    name: 'test',
    stateDir: directory.path,
    nodes,
    components: [
      web,
      { name: 'short', command: ['sh', '-c', 'echo $V9S_TEST; exit 7'], env: { V9S_TEST: 'hello' } },
    ],
    apiPort: 0,
    // Nobody listens on the first one.
    nameservers: [
      { address: '127.0.0.1', port: 9 },
      { address: '127.0.0.1', port: nameserver.address().port },
    ],
    lifetime: 'owner',
  });
});

afterAll(async () => {
  await lab?.stop();
  nameserver?.close();
  directory[Symbol.dispose]();
});

test('nodes have names and addresses, and reach each other and the outside', async () => {
  const { stdout } = await lab.enter(['sh', '-c', 'hostname; ip -4 -brief addr show eth0; ip route'], {
    node: 'worker',
  });
  expect(stdout).toMatch(/^worker\neth0@\S+ +UP +172\.18\.0\.3\/16 \ndefault via 172\.18\.0\.1 dev eth0/);
  for (const [node, target] of [
    ['worker', '172.18.0.2'],
    ['worker', '172.18.255.254'],
    ['outside', '172.18.0.2'],
    ['control-plane', '172.18.0.1'],
  ] as const) {
    const { exitCode } = await lab.enter(['ping', '-c', '1', '-W', '5', target], { node });
    expect({ node, target, exitCode }).toEqual({ node, target, exitCode: 0 });
  }
  await expect(lab.enter(['true'], { node: 'worker9' })).rejects.toThrow(
    'lab "test" has no node "worker9"; it has control-plane, worker, outside',
  );
});

test('a command inside has an exit code, input and environment of its own', async () => {
  expect(
    await lab.enter(['sh', '-c', 'cat; echo no >&2; exit 42'], { node: 'worker', stdin: 'yes' }),
  ).toEqual({
    exitCode: 42,
    stdout: 'yes',
    stderr: 'no\n',
  });
  expect((await lab.enter(['sh', '-c', 'kill -9 $$'])).exitCode).toBe(137);
  const { stdout } = await lab.enter(['env'], { env: { GIVEN: 'seen' } });
  expect(stdout).toContain('GIVEN=seen');
  expect(stdout).not.toContain('V9S_TEST_SECRET');
  expect((await lab.enter(['pwd'], { node: 'worker', cwd: '/usr' })).stdout).toBe('/usr\n');
});

test('an aborted command and its children end', async () => {
  const abort = new AbortController();
  const entered = lab.enter(['sh', '-c', 'sleep 4711 & wait'], { signal: abort.signal });
  const sleeping = async () => (await lab.enter(['pgrep', '-f', '^sleep 4711'])).exitCode === 0;
  await until('the command to run', sleeping);
  abort.abort();
  await expect(entered).rejects.toThrow('aborted');
  await until('its child to end', async () => !(await sleeping()));
});

test("the host's environment does not reach a component, what its spec gives does", async () => {
  const pid = (await lab.components()).find(({ name }) => name === 'web')?.pid;
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('V9S_TEST_SECRET');
  const log = join(directory.path, 'log', 'short.log');
  await until('the log', async () => readFileSync(log, 'utf8').startsWith('hello\n'));
});

test('a component that ends is started again, and why it ended is known', async () => {
  const short = await until('three restarts', async () =>
    (await lab.components()).find(({ name, restarts }) => name === 'short' && restarts >= 3),
  );
  expect(short.lastEnd).toBe('exit status 7');
});

test('a killed component comes back on the same host socket', async () => {
  const url = `http://127.0.0.1:${lab.apiPort}`;
  const before = await (await fetch(url)).text();
  expect(before).toMatch(/^\d+ worker$/);
  const { pid } = (await lab.components()).find(({ name }) => name === 'web') ?? {};
  expect(pid).toBeGreaterThan(1);
  process.kill(pid ?? 0, 'SIGKILL');
  // The kernel keeps the connection until the next run accepts it.
  const after = await until('an answer', async () => {
    const answer = await fetch(url).then(
      (response) => response.text(),
      () => undefined,
    );
    return answer !== before && answer;
  });
  expect(after).toMatch(/^\d+ worker$/);
});

test('a component can be restarted by name', async () => {
  const web = async () => (await lab.components()).find(({ name }) => name === 'web');
  const before = await until('web to run', async () => (await web())?.pid);
  await lab.restart('web');
  await until('another process', async () => {
    const now = await web();
    return now?.state === 'running' && now.pid !== undefined && now.pid !== before;
  });
  await expect(lab.restart('nothing')).rejects.toThrow('there is no component "nothing"');
});

test('orphans are reaped', async () => {
  await lab.enter(['sh', '-c', 'for i in 1 2 3 4 5; do (sh -c "exit 0" & ); done']);
  await until('no zombies', async () => !/^Z/m.test((await lab.enter(['ps', '-eo', 'stat='])).stdout));
});

test("names are asked of the host's name servers, the next one where one is dead", async () => {
  const script = `const { Resolver } = require('node:dns').promises;
    new Resolver().resolve4('www.example.org').then(console.log)`;
  const { stdout, stderr } = await lab.enter([process.execPath, '-e', script], { node: 'worker' });
  expect({ stdout, stderr }).toEqual({ stdout: "[ '192.0.2.80' ]\n", stderr: '' });
});

test('without name servers a query fails, it does not hang', async () => {
  using other = temporaryDirectory();
  const alone = await startLab({
    name: 'alone',
    stateDir: other.path,
    nodes,
    components: [],
    nameservers: [],
    lifetime: 'owner',
  });
  try {
    const script = `require('node:dns').promises.resolve4('www.example.org').catch((e) => console.log(e.code))`;
    const { stdout } = await alone.enter([process.execPath, '-e', script], { node: 'worker' });
    expect(stdout).toBe('ESERVFAIL\n');
    // Two labs have the same addresses and do not meet.
    expect((await lab.enter(['ping', '-c', '1', '-W', '5', '172.18.0.3'], { node: 'worker' })).exitCode).toBe(
      0,
    );
  } finally {
    await alone.stop();
  }
  expect(await attachLab(other.path)).toBeUndefined();
});

test('a lab is found again, and not started twice', async () => {
  const attached = await attachLab(directory.path);
  expect(attached).toMatchObject({ name: 'test', pid: lab.pid, apiPort: lab.apiPort });
  const again = { name: 'test', stateDir: directory.path, nodes, components: [], lifetime: 'owner' } as const;
  await expect(startLab(again)).rejects.toThrow(`lab "test" is already running (PID ${lab.pid})`);
});

test('a lab.json left from before a crash or a reboot is known to be stale', async () => {
  using other = temporaryDirectory();
  const state = JSON.parse(readFileSync(join(directory.path, 'lab.json'), 'utf8'));
  const write = (change: object) =>
    writeFileSync(join(other.path, 'lab.json'), JSON.stringify({ ...state, ...change }));
  write({ init: { ...state.init, startTime: state.init.startTime + 1 } });
  expect(await attachLab(other.path)).toBeUndefined();
  write({ init: { ...state.init, bootId: '00000000-0000-0000-0000-000000000000' } });
  expect(await attachLab(other.path)).toBeUndefined();
  write({});
  expect(await attachLab(other.path)).toBeDefined();
});

test('a busy port is named with who holds it', async () => {
  using other = temporaryDirectory();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const options = { name: 'busy', stateDir: other.path, nodes, components: [], lifetime: 'owner' } as const;
  await expect(startLab({ ...options, apiPort: port })).rejects.toThrow(
    new RegExp(`^port ${port} on 127\\.0\\.0\\.1 is in use by .* \\(PID ${process.pid}\\); choose another`),
  );
  server.close();
});

test('what this kernel lacks is named before anything is built', async ({ skip }) => {
  const { missing } = await probeFeatures();
  const [feature] = (['ip_vs', 'dummy', 'sctp', 'tun'] as const).filter((name) => missing[name]);
  if (!feature) return skip('this machine has every feature');
  using other = temporaryDirectory();
  const options = {
    name: 'lacking',
    stateDir: join(other.path, 'new'),
    nodes,
    components: [],
    lifetime: 'owner',
  } as const;
  await expect(startLab({ ...options, features: [feature] })).rejects.toThrow(
    `this kernel has no ${feature}`,
  );
  expect(() => readFileSync(join(other.path, 'new'))).toThrow('ENOENT');
});

/** Answers every A query with 192.0.2.80. */
async function startNameserver(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address }) => {
    const { id, questions = [] } = decode(message);
    const name = questions[0]?.name ?? '';
    const answers = [{ type: 'A', name, ttl: 1, data: '192.0.2.80' } as const];
    socket.send(encode({ type: 'response', id: id ?? 0, questions, answers }), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}
