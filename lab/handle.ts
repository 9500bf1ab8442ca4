import { setTimeout as sleep } from 'node:timers/promises';
import { removeEmptyLabGroup, removeLabGroup } from '../kernel/cgroups/lab.ts';
import { spawnEntered } from '../kernel/enter.ts';
import { enterCommand } from '../kernel/namespaces.ts';
import { isRunning, pidsOfNamespace } from '../kernel/processes.ts';
import type { Command } from '../kernel/run.ts';
import type { ComponentStatus } from './components.ts';
import { control } from './control.ts';
import { utsPath } from './setup.ts';
import { type ComponentSpec, commandFolder, type LabNode } from './spec.ts';
import { type LabState, readRunning, readState } from './state.ts';

export interface EnterOptions {
  /** A node's name or `outside`; without it the lab's own namespaces. */
  node?: string;
  /** Given to the command's standard input, which is empty otherwise. */
  stdin?: string;
  /** `'inherit'` gives the command this process's own terminal; the result then has no output. */
  stdio?: 'pipe' | 'inherit';
  /** Added to the lab's small environment. */
  env?: Readonly<Record<string, string>>;
  /** `/` by default. */
  cwd?: string;
  /** Ends the command and its children with SIGKILL. */
  signal?: AbortSignal;
}

export interface EnterResult {
  /** 128 + N when signal N ended it, as shells have it. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A running lab. */
export interface Lab {
  readonly name: string;
  readonly stateDir: string;
  /** The lab's PID 1, as the host sees it; killing it ends everything. */
  readonly pid: number;
  /** The inherited listener's port on 127.0.0.1. */
  readonly apiPort: number | undefined;
  /**
   * Fulfilled when the lab has ended, for whatever reason, and nothing of it is left. Waiting for it does
   * not keep this process running.
   */
  readonly done: Promise<void>;
  /** Runs a command inside. Fulfilled whatever its exit code; rejects when it could not be entered. */
  enter(command: readonly string[], options?: EnterOptions): Promise<EnterResult>;
  /** The command line that does the same from a shell. */
  enterCommand(command: readonly string[], options?: Pick<EnterOptions, 'node' | 'cwd'>): Command;
  /** Every component, `pid` as the host sees it. */
  components(): Promise<ComponentStatus[]>;
  /** Starts a component anew. Rejects when there is no such component. */
  restart(component: string): Promise<void>;
  /** Starts one more component. Rejects where its name is taken. */
  addComponent(component: ComponentSpec): Promise<void>;
  /**
   * Adds a node to the running lab and starts its components. Rejects, with nothing of it left, for a name or an
   * address that is taken or wrong.
   */
  addNode(node: LabNode, components: readonly ComponentSpec[]): Promise<void>;
  /**
   * Ends a node's components and everything else that runs in its network namespace, or in those named in `netns`
   * besides, and removes them. Rejects when there is no such node.
   */
  removeNode(name: string, options?: { netns?: readonly string[] }): Promise<void>;
  /** Ends the lab at once (SIGKILL) and waits until nothing of it is left. */
  stop(): Promise<void>;
}

/** The lab that runs in this state directory; undefined when none does. */
export async function attachLab(stateDir: string): Promise<Lab | undefined> {
  const running = readRunning(stateDir);
  if (running) return labHandle(running);
  // It may have ended while nobody was there to take them away.
  const { cgroups } = readState(stateDir) ?? {};
  if (cgroups) removeEmptyLabGroup(cgroups);
  return undefined;
}

export function labHandle(state: LabState): Lab {
  const { name, stateDir, init, unshare, egress, apiPort, onMachine } = state;
  let { nodes } = state;
  const has = (node: string) => nodes.some((known) => known.name === node);
  const namespaces = ({ node, cwd }: Pick<EnterOptions, 'node' | 'cwd'>) => {
    // Somebody may have added it since.
    if (node !== undefined && !has(node)) nodes = readRunning(stateDir)?.nodes ?? nodes;
    if (node !== undefined && !has(node))
      throw new Error(
        `lab "${name}" has no node "${node}"; it has ${nodes.map((known) => known.name).join(', ')}`,
      );
    return { cwd, onMachine, ...(node === undefined ? {} : { netns: node, uts: utsPath(node) }) };
  };
  const ended = async (interval: number, ref: boolean) => {
    while (isRunning(unshare) || (egress && isRunning(egress))) await sleep(interval, undefined, { ref });
  };
  const lab: Lab = {
    name,
    stateDir,
    pid: init.pid,
    apiPort,
    get done() {
      return ended(50, false);
    },
    enterCommand: (command, options = {}) => enterCommand(init.pid, command, namespaces(options)),
    async enter(command, options = {}) {
      const entered = lab.enterCommand(command, options);
      if (!isRunning(init)) throw new Error(`lab "${name}" has ended`);
      return spawnEntered(entered, { ...options, env: { ...labEnvironment(), ...options.env } });
    },
    async components() {
      const components = await control(stateDir, { do: 'status' });
      const pids = pidsOfNamespace(init.pid);
      return components.map(({ pid, ...rest }) => {
        const here = pid === undefined ? undefined : pids.get(pid);
        return here === undefined ? rest : { ...rest, pid: here };
      });
    },
    async restart(component) {
      await control(stateDir, { do: 'restart', component });
    },
    async addComponent(component) {
      await control(stateDir, { do: 'add-component', component });
    },
    async addNode(node, components) {
      await control(stateDir, { do: 'add-node', node, components });
    },
    async removeNode(node, { netns = [] } = {}) {
      await control(stateDir, { do: 'remove-node', node, netns });
      nodes = nodes.filter((known) => known.name !== node);
    },
    async stop() {
      if (isRunning(init)) process.kill(init.pid, 'SIGKILL');
      await ended(2, true);
      if (state.cgroups) await removeLabGroup(state.cgroups);
    },
  };
  return lab;
}

/** What every program in a lab starts with; nothing of the user's own environment. */
export function labEnvironment(): Record<string, string> {
  const { PATH = '', TZ, TERM } = process.env;
  // An ordinary user's PATH often lacks the directories of ip and iptables.
  const system = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  const path = [commandFolder, ...PATH.split(':'), ...system].filter(Boolean);
  return {
    PATH: [...new Set(path)].join(':'),
    HOME: '/root',
    LANG: 'C.UTF-8',
    ...(TZ === undefined ? {} : { TZ }),
    ...(TERM === undefined ? {} : { TERM }),
  };
}
