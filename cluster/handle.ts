import { text } from 'node:stream/consumers';
import type { Client } from '../api/client.ts';
import type { KubeObject } from '../api/object.ts';
import { resources } from '../api/scheme.ts';
import { CommandError } from '../kernel/run.ts';
import type { EnterOptions, Lab } from '../lab/handle.ts';
import { enterContainer } from './container.ts';
import { adminConfig } from './credentials.ts';
import { switchDataplane } from './dataplane.ts';
import { type KubectlAnswer, kubectl } from './kubectl.ts';
import { type LogOptions, openLog } from './logs.ts';
import { type Applied, applyManifest } from './manifest.ts';
import { type ClusterSpec, type DataplaneOptions, OptionError } from './spec.ts';
import { readSpec, type StateDir } from './state.ts';
import { type Until, type WaitOptions, waitFor } from './wait.ts';

/** What a command inside the cluster printed. */
export interface ExecResult {
  stdout: string;
  stderr: string;
  exitCode: number;
}

export interface ExecOptions {
  /** Given to the command's standard input. */
  input?: string;
  /** Resolve with a non-zero exit code instead of rejecting. Default false. */
  allowFailure?: boolean;
}

/** A place in the cluster where commands can be run. */
export interface Place {
  readonly name: string;
  /** Runs a command to its end. Rejects with CommandError on a non-zero exit unless `allowFailure`. */
  exec(command: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Runs a command on this process's own terminal; resolves to its exit code. */
  run(command: readonly string[]): Promise<number>;
}

/** A running cluster. `await using` ends it at the end of the block. */
export interface Cluster extends AsyncDisposable {
  readonly name: string;
  readonly spec: ClusterSpec;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly stateDir: string;
  /** A small client with the administrator's rights. */
  readonly client: Client;
  /** Creates or updates every object of a YAML or JSON text, in order. */
  apply(manifest: string | readonly KubeObject[], options?: { namespace?: string }): Promise<Applied[]>;
  /** Runs kubectl, or answers in its stead where there is none. */
  kubectl(args: readonly string[], input?: string): Promise<KubectlAnswer>;
  /** A node's network, or that of `outside`, from which clients reach node ports. */
  node(name: string): Place;
  /** A pod's first container, or the one named. */
  pod(name: string, options?: { namespace?: string; container?: string }): Place;
  /** What a pod has written so far. Rejects with StatusError where there is no such log. */
  logs(pod: string, options?: LogOptions): Promise<string>;
  /** Waits for a condition (`'Available'`) or a predicate over `pods`, `deployment/NAME` … */
  waitFor<T extends KubeObject>(target: string, until: Until<T>, options?: WaitOptions): Promise<T[]>;
  /** Changes how Services reach the kernel, node by node, without dropping a connection. What is not named stays. */
  setDataplane(options: DataplaneOptions, onNode?: (node: string) => void): Promise<void>;
  /** Ends the lab; the files of a cluster that was started without a state directory go too. */
  stop(): Promise<void>;
  /** Lets this process end without the cluster: closes connections and leaves the lab alone. */
  detach(): void;
}

export interface HandleParts {
  spec: ClusterSpec;
  state: StateDir;
  client: Client;
  lab: Lab;
  /** Removes the files of a cluster that leaves none. */
  discard?: () => void;
}

type Entry = (command: readonly string[]) => Promise<{ command: readonly string[]; at: EnterOptions }>;

export function createHandle({ spec, state, client, lab, discard }: HandleParts): Cluster {
  async function stop(): Promise<void> {
    client.close();
    await lab.stop();
    discard?.();
  }

  return {
    name: spec.name,
    spec,
    kubeconfig: state.kubeconfig,
    stateDir: state.root,
    client,
    apply: (manifest, { namespace } = {}) => applyManifest(client, manifest, namespace),
    kubectl: (args, input) =>
      kubectl(args, { kubeconfig: state.kubeconfig, client, ...(input === undefined ? {} : { input }) }),
    node(name) {
      // Nodes may have come and gone since.
      const { nodes } = readSpec(state) ?? spec;
      const names = [...nodes.map((node) => node.name), 'outside'];
      if (!names.includes(name)) throw new OptionError('node', name, `must be one of ${names.join(', ')}`);
      return place(lab, name, async (command) => ({ command, at: { node: name } }));
    },
    pod: (name, { namespace = 'default', container } = {}) =>
      place(lab, name, async (command) => {
        const pod = await client.get(resources.pods, { name, namespace });
        return { command: enterContainer(pod, container, command), at: {} };
      }),
    setDataplane: (options, onNode) => switchDataplane({ spec, state, lab }, options, onNode),
    async logs(pod, options) {
      return text(await openLog(adminConfig(state, spec.apiPort), pod, options));
    },
    waitFor: (target, until, options) => waitFor(client, target, until, options),
    stop,
    detach: () => client.close(),
    [Symbol.asyncDispose]: stop,
  };
}

function place(lab: Lab, name: string, entry: Entry): Place {
  return {
    name,
    async exec(command, { input, allowFailure } = {}) {
      const { command: full, at } = await entry(command);
      const result = await lab.enter(full, { ...at, ...(input === undefined ? {} : { stdin: input }) });
      if (result.exitCode !== 0 && !allowFailure) {
        const [file = '', ...args] = command;
        throw new CommandError(
          { file, args },
          result.exitCode,
          result.stderr,
          `exit code ${result.exitCode} in ${name}`,
        );
      }
      return result;
    },
    async run(command) {
      const { command: full, at } = await entry(command);
      return (await lab.enter(full, { ...at, stdio: 'inherit' })).exitCode;
    },
  };
}
