import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Family } from '../api/address.ts';
import { cgroupVariable, makeLabGroup, removeLabGroup } from '../kernel/cgroups/lab.ts';
import { type Feature, requiredFeatures, requireFeatures } from '../kernel/features.ts';
import { type Sandbox, startSandbox } from '../kernel/namespaces.ts';
import { connectPasta, type PastaGuard, preparePasta } from '../kernel/pasta.ts';
import { childOf, identifyProcess, type ProcessIdentity } from '../kernel/processes.ts';
import type { Command } from '../kernel/run.ts';
import { openLog } from './components.ts';
import { controlPath } from './control.ts';
import { requireTool } from './doctor.ts';
import { type Lab, labEnvironment, labHandle } from './handle.ts';
import { machineScript } from './machine.ts';
import { hostNameservers } from './nameservers.ts';
import { setupScript } from './setup.ts';
import { type HostSocket, listenTcp, openUdp } from './sockets.ts';
import {
  type ComponentSpec,
  gateway6,
  type LabNode,
  type LabSpec,
  outsideNode,
  validateNames,
} from './spec.ts';
import { type LabState, readRunning, writeState } from './state.ts';

export interface LabOptions {
  /** Lower-case letters, digits and `-`. */
  name: string;
  /** Created when missing; holds `lab.json`, `control.sock` and `log/`. One lab at a time. */
  stateDir: string;
  nodes: readonly LabNode[];
  components: readonly ComponentSpec[];
  /** Port on the host's 127.0.0.1 for the socket `api`; 0 takes any free one, undefined opens none. */
  apiPort?: number;
  /** Upstream name servers; the host's own by default. An empty list makes every query fail at once. */
  nameservers?: readonly (string | NameServer)[];
  /** `owner`: the lab ends with this process, however that ends. */
  lifetime: 'detached' | 'owner';
  /** Of the relay's address that nodes' resolv.conf names, which pods may take over. Default IPv4. */
  resolverFamily?: Family;
  /**
   * The one node is this machine itself: the lab has its network, and files, mounts and process ids of its own. Root
   * alone. What was made in the network stays when the lab ends.
   */
  onMachine?: boolean;
  /** A way out to the host's network, through pasta (package passt). Without it other networks are unreachable. */
  egress?: boolean;
  /** What the components need of this machine's kernel; by default what every cluster needs. */
  features?: readonly Feature[];
  /** Sees each command before it runs, the set-up script as its input. */
  onCommand?: (command: Command) => void;
  /** Called when the lab's first process runs: the moment for work that the lab need not wait for. */
  onBoot?: () => void;
}

export interface NameServer {
  address: string;
  port: number;
}

/** A lab just started. */
export interface StartedLab extends Lab {
  /** Milliseconds from the call to: sockets open, namespaces there, network set up, components started, ready. */
  readonly timings: Readonly<Record<string, number>>;
}

/**
 * Builds a lab and starts its components; fulfilled when its network stands and every component has
 * been started once. On failure nothing is left.
 *
 * @throws `Error` for wrong options, a running lab in the same directory, a busy port, or what the
 *   kernel refused
 */
export async function startLab(options: LabOptions): Promise<StartedLab> {
  const began = performance.timeOrigin + performance.now();
  const since = (time = performance.timeOrigin + performance.now()) => Math.round((time - began) * 10) / 10;
  const { name, components, lifetime, onCommand, onMachine = false } = options;
  const stateDir = resolve(options.stateDir);
  const nodes = onMachine ? options.nodes : [...options.nodes, outsideNode(options.nodes)];
  validateNames({ name, nodes, components, onMachine });
  if (onMachine && process.getuid?.() !== 0)
    throw new Error(`lab "${name}" is to have this machine's network: only root can give it that`);
  await requireFeatures(options.features ?? requiredFeatures);
  if (options.egress) requireTool('pasta', 'egress');
  const lock = await lockDirectory(stateDir, name);
  const sockets: HostSocket[] = [];
  let sandbox: Sandbox | undefined;
  let guard: PastaGuard | undefined;
  const cgroups = await makeLabGroup(name, stateDir);
  try {
    mkdirSync(join(stateDir, 'log'), { recursive: true, mode: 0o700 });
    rmSync(controlPath(stateDir), { force: true });
    const resolvConf = hostResolvConf();
    const script = onMachine
      ? machineScript(nodes[0]?.name ?? '', { resolvConf, nameservers: hostNameservers() })
      : setupScript({
          nodes,
          resolvConf,
          egress: options.egress ?? false,
          ...(options.resolverFamily === 'IPv6' ? { nameserver: gateway6 } : {}),
        });
    writeFileSync(setupPath(stateDir), script, { mode: 0o600 });
    const api = options.apiPort === undefined ? undefined : await listenTcp(options.apiPort);
    if (api) sockets.push(api);
    const nameservers = (options.nameservers ?? (onMachine ? [] : hostNameservers())).map(toNameServer);
    sockets.push(...(await Promise.all(nameservers.map(({ address }) => openUdp(address)))));
    const { spec, inherited } = assignDescriptors({ ...options, stateDir, nodes }, nameservers, sockets);
    writeFileSync(specPath(stateDir), JSON.stringify(spec), { mode: 0o600 });
    const socketsAt = since();

    const log = openLog(logPath(stateDir));
    const env = labEnvironment();
    if (options.egress) guard = preparePasta({ env, stateDir, log });
    sandbox = await startSandbox({
      script: initScript,
      args: [setupPath(stateDir), process.execPath, supervisorPath(), specPath(stateDir)],
      env: { ...env, [cgroupVariable]: JSON.stringify(cgroups.access) },
      onMachine,
      cgroups: cgroups.enter,
      stdio: ['ignore', log, log, 'pipe', ...inherited, ...(guard ? [guard.channel] : [])],
      onCommand: onCommand && ((command) => onCommand({ ...command, input: script })),
    });
    for (const socket of sockets.splice(0)) socket.close();
    closeSync(log);
    options.onBoot?.();
    const namespacesAt = since();
    const report = await readReport(sandbox, name, stateDir);
    const state = describe({ name, stateDir, nodes, onMachine, cgroups: cgroups.access }, sandbox, api?.port);
    if (guard) state.egress = await startEgress(guard, state, onCommand);
    writeState(state);
    guard?.channel.destroy();
    handOver(sandbox, lifetime);
    const timings = {
      sockets: socketsAt,
      namespaces: namespacesAt,
      supervisor: since(report.supervisor),
      network: since(report.network),
      ready: since(),
    };
    return Object.assign(labHandle(state), { timings });
  } catch (error) {
    guard?.channel.destroy();
    if (sandbox) await endSandbox(sandbox);
    await removeLabGroup(cgroups.access);
    throw error;
  } finally {
    for (const socket of sockets) socket.close();
    lock.close();
  }
}

/** PID 1: runs the set-up beside the start of the supervisor, reaps orphans, ends with the supervisor. */
const initScript = '( . "$1" ) 2>&1 | "$2" "$3" "$4" & wait $!';

const setupPath = (stateDir: string) => join(stateDir, 'setup.sh');
const specPath = (stateDir: string) => join(stateDir, 'lab-spec.json');
const logPath = (stateDir: string) => join(stateDir, 'log', 'lab.log');

/** An abstract Unix socket as a lock: it goes with this process, however that ends. */
async function lockDirectory(stateDir: string, name: string): Promise<Server> {
  const lock = createServer();
  const id = createHash('sha256').update(stateDir).digest('hex').slice(0, 32);
  try {
    lock.listen(`\0vethernetes-lab-${id}`);
    await once(lock, 'listening');
  } catch (error) {
    throw new Error(`lab "${name}" is just being started by another process`, { cause: error });
  }
  const running = readRunning(stateDir);
  if (!running) return lock;
  lock.close();
  throw new Error(
    `lab "${running.name}" is already running (PID ${running.init.pid}); stop it first or choose another name`,
  );
}

/** Where a mount over /etc/resolv.conf would land. */
function hostResolvConf(): string | undefined {
  return existsSync('/etc/resolv.conf') ? realpathSync('/etc/resolv.conf') : undefined;
}

const toNameServer = (server: string | NameServer) =>
  typeof server === 'string' ? { address: server, port: 53 } : server;

/** From sources the TypeScript file itself, which Node.js 22.18 and later run; else the bundle in dist/. */
function supervisorPath(): string {
  const names = import.meta.url.endsWith('.ts') ? ['supervisor.ts'] : ['supervisor.cjs', '../supervisor.cjs'];
  const paths = names.map((name) => fileURLToPath(new URL(name, import.meta.url)));
  const path = paths.find(existsSync);
  if (!path) throw new Error(`the supervisor was not found as ${paths.join(' or ')}; run \`npm run build\``);
  return path;
}

/** Descriptors 0 to 3 are standard input and output and the channel; the sockets follow in order. */
function assignDescriptors(
  options: LabOptions & { stateDir: string },
  nameservers: readonly NameServer[],
  sockets: readonly HostSocket[],
): { spec: LabSpec; inherited: number[] } {
  const { name, stateDir, nodes, components, lifetime, apiPort, onMachine = false } = options;
  const first = 4 + (apiPort === undefined ? 0 : 1);
  const spec: LabSpec = {
    name,
    stateDir,
    nodes,
    components,
    lifetime,
    nameservers: nameservers.map((server, index) => ({ ...server, fd: first + index })),
    sockets: apiPort === undefined ? {} : { api: 4 },
    channelFd: 3,
    onMachine,
  };
  return { spec, inherited: sockets.map(({ fd }) => fd) };
}

/** When the supervisor ran and when the network stood, in milliseconds since the epoch. */
interface Report {
  supervisor: number;
  network: number;
}

/** The supervisor's one line. Rejects with its error, or with the log's end when it ended without a word. */
async function readReport({ child, channel }: Sandbox, name: string, stateDir: string): Promise<Report> {
  const line = await new Promise<string>((resolve) => {
    channel.once('data', (data) => resolve(String(data)));
    child.once('exit', () => resolve(''));
    if (child.exitCode !== null || child.signalCode !== null) resolve('');
    channel.resume();
  });
  if (!line) {
    const said = lastLines(logPath(stateDir));
    throw new Error(`lab "${name}" could not be started: ${said || 'unshare failed'}`);
  }
  const report: Report | { error: string } = JSON.parse(line);
  if ('error' in report) throw new Error(report.error);
  return report;
}

function describe(
  lab: Pick<LabState, 'name' | 'stateDir' | 'nodes' | 'onMachine' | 'cgroups'>,
  { child }: Sandbox,
  apiPort: number | undefined,
): LabState {
  const outer = child.pid === undefined ? undefined : identifyProcess(child.pid);
  const inner = outer && childOf(outer.pid);
  const init = inner === undefined ? undefined : identifyProcess(inner);
  if (!outer || !init)
    throw new Error(`lab "${lab.name}" ended just after its start; see ${logPath(lab.stateDir)}`);
  const startedAt = new Date().toISOString();
  return { ...lab, init, unshare: outer, ...(apiPort === undefined ? {} : { apiPort }), startedAt };
}

/** From now on the lab is known by its lab.json, and this process may end without it. */
function handOver({ child, channel }: Sandbox, lifetime: LabOptions['lifetime']): void {
  child.unref();
  channel.unref();
  // A lab that ends resets the channel; `done` tells of it.
  channel.on('error', () => channel.destroy());
  if (lifetime === 'owner') channel.write('taken note\n');
  else channel.end('taken note\n', () => channel.destroy());
}

/** The guard's identity, once the way out stands. */
async function startEgress(
  guard: PastaGuard,
  { name, stateDir, init }: LabState,
  onCommand: LabOptions['onCommand'],
): Promise<ProcessIdentity> {
  try {
    await connectPasta(guard, init.pid, onCommand);
  } catch (error) {
    const said = lastLines(logPath(stateDir));
    throw new Error(`lab "${name}" has no way out: pasta did not start: ${said}`, { cause: error });
  }
  const identity = guard.child.pid === undefined ? undefined : identifyProcess(guard.child.pid);
  if (!identity) throw new Error(`lab "${name}" has no way out: the guard of pasta ended`);
  return identity;
}

const lastLines = (file: string) => readFileSync(file, 'utf8').trim().split('\n').slice(-5).join('\n');

async function endSandbox({ child }: Sandbox): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
