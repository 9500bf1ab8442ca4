import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { Component } from './components.ts';
import { addNodeScript, removeNodeScript } from './setup.ts';
import { type ComponentSpec, type LabNode, type LabSpec, validateNames } from './spec.ts';
import { writeNodes } from './state.ts';

/** The nodes of a lab that is up. One change at a time; each is in `lab.json` when it is done. */
export interface Nodes {
  /** Makes its namespaces and starts its components. Rejects, leaving nothing, where the name or an address is taken. */
  add(node: LabNode, components: readonly ComponentSpec[]): Promise<void>;
  /** Starts one more component, of any node or of none. Rejects where its name is taken. */
  addComponent(component: ComponentSpec): Promise<void>;
  /** Ends its components, then whatever else runs in its network namespace or in `netns`, and removes these. */
  remove(name: string, netns: readonly string[]): Promise<void>;
}

export interface NodesOptions {
  /** Those that run, by name; `remove` takes some away. */
  components: Map<string, Component>;
  /** Starts one more of them. */
  start(component: ComponentSpec): void;
  log(message: string): void;
}

/** Runs in the supervisor, in the lab's own namespaces. */
export function createNodes(spec: LabSpec, { components, start, log }: NodesOptions): Nodes {
  let { nodes } = spec;
  let specs = spec.components;
  /** Of each node, what its end of the underlay is named by; no number is used twice. */
  const indexes = new Map(nodes.map(({ name }, index) => [name, index]));
  let nextIndex = nodes.length;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined); // Told to whoever asked for it.
    return turn;
  };

  async function add(node: LabNode, wanted: readonly ComponentSpec[]): Promise<void> {
    const [withNode, withComponents] = [
      [...nodes, node],
      [...specs, ...wanted],
    ];
    validateNames({ name: spec.name, nodes: withNode, components: withComponents });
    const index = nextIndex++;
    const said = await runScript(addNodeScript(node, index));
    if (said !== 'ok') {
      await runScript(removeNodeScript(node.name, index));
      throw new Error(`setting up node "${node.name}" of lab "${spec.name}" failed: ${said}`);
    }
    writeNodes(spec.stateDir, withNode);
    indexes.set(node.name, index);
    [nodes, specs] = [withNode, withComponents];
    for (const component of wanted) start(component);
    log(`node "${node.name}" has been added`);
  }

  async function remove(name: string, netns: readonly string[]): Promise<void> {
    if (name === 'outside' || !nodes.some((node) => node.name === name))
      throw new Error(
        `lab "${spec.name}" has no node "${name}"; it has ${nodes.map((node) => node.name).join(', ')}`,
      );
    const own = specs.filter(({ node }) => node === name);
    await Promise.all(own.map((component) => components.get(component.name)?.stop()));
    for (const component of own) components.delete(component.name);
    await endProcesses([name, ...netns]);
    const said = await runScript(removeNodeScript(name, indexes.get(name) ?? 0, netns));
    if (said !== 'ok') throw new Error(`removing node "${name}" of lab "${spec.name}" failed: ${said}`);
    indexes.delete(name);
    nodes = nodes.filter((node) => node.name !== name);
    specs = specs.filter(({ node }) => node !== name);
    writeNodes(spec.stateDir, nodes);
    log(`node "${name}" has been removed`);
  }

  async function addComponent(component: ComponentSpec): Promise<void> {
    const wanted = [...specs, component];
    validateNames({ ...spec, nodes, components: wanted });
    specs = wanted;
    start(component);
  }

  return {
    addComponent: (component) => inTurn(() => addComponent(component)),
    add: (node, wanted) => inTurn(() => add(node, wanted)),
    remove: (name, netns) => inTurn(() => remove(name, netns)),
  };
}

/** What a script of setup.ts says, standard output and error. */
async function runScript(script: string): Promise<string> {
  const child = spawn('sh', ['-c', `exec 2>&1\n${script}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  return (await text(child.stdout)).trim();
}

/** SIGKILL to all in these network namespaces, until there are none: what starts others may not end first. */
async function endProcesses(names: readonly string[]): Promise<void> {
  const inodes = new Set(
    names.flatMap((name) => {
      const entry = statSync(`/run/netns/${name}`, { throwIfNoEntry: false });
      return entry ? [`net:[${entry.ino}]`] : [];
    }),
  );
  for (;;) {
    const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && inodes.has(namespaceOf(pid)));
    if (pids.length === 0) return;
    for (const pid of pids) kill(Number(pid));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return ''; // It has ended; so a zombie has none, either.
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
