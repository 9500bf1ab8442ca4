import { once } from 'node:events';
import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { isRunning } from '../kernel/processes.ts';
import { findCommand } from './doctor.ts';
import { startLab } from './index.ts';
import { readRunning } from './state.ts';
import { hostState, nodes, temporaryDirectory, until } from './testing/host.ts';

const options = { name: 'egress', nodes, components: [], nameservers: [], lifetime: 'owner' } as const;

test('without egress other networks are unreachable, which is said at once', async () => {
  using directory = temporaryDirectory();
  const lab = await startLab({ ...options, stateDir: directory.path });
  const { exitCode, stdout } = await lab.enter(['ping', '-c', '1', '-W', '5', '192.0.2.1'], {
    node: 'worker',
  });
  await lab.stop();
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: expect.stringMatching(/Unreachable/) });
});

test('a node gets out through pasta, which ends with the lab', async ({ skip }) => {
  if (!findCommand('pasta')) return skip('the package passt is not installed');
  const address = Object.values(networkInterfaces())
    .flatMap((interfaces) => interfaces ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  if (!address) return skip('this machine has no address but loopback');
  using directory = temporaryDirectory();
  const before = hostState();
  const server = createServer((_, response) => response.end('from the host')).listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : 0;
  const lab = await startLab({ ...options, stateDir: directory.path, egress: true });
  const guard = readRunning(directory.path)?.egress;
  if (!guard) throw new Error('lab.json does not tell of the guard');
  const { stdout } = await lab.enter(['curl', '-sS', '-m', '10', `http://${address}:${port}`], {
    node: 'worker',
  });
  expect(stdout).toBe('from the host');
  process.kill(lab.pid, 'SIGKILL');
  await lab.done;
  await until('pasta to end', async () => !isRunning(guard));
  server.close();
  expect(hostState()).toEqual(before);
});
