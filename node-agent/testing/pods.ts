import type { Client } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import type { Container, Pod, PodSpec } from '../../api/types.ts';
import { type AgentProcess, startScene } from './scene.ts';

const namespace = 'default';
const node = 'control-plane';

/** One node, and what a test does to the pods on it. */
export interface PodScene extends AsyncDisposable {
  client: Client;
  agent: AgentProcess;
  create(name: string, spec: PodSpec, metadata?: Pod['metadata']): Promise<Pod>;
  /** Resolves with the pod once `holds`; the test's own time limit ends a wait in vain. */
  podWhere(name: string, holds: (pod: Pod) => boolean | undefined): Promise<Pod>;
  isReady(pod: Pod): boolean;
  /** Deletes and, unless told otherwise, waits until the object is gone. */
  delete(name: string, gracePeriodSeconds?: number, options?: { wait: boolean }): Promise<void>;
  /** `TYPE REASON MESSAGE` of the Events about a pod, or one of its containers, once there are some. */
  events(name: string, container?: string): Promise<string[]>;
  /** Standard output and error of a container. */
  log(pod: Pod, container: string, attempt?: number): Promise<string>;
  /** Reads a file of the pod's folder. */
  read(pod: Pod, file: string): Promise<string>;
  /** Keeps a file of the pod's folder, so that it can be read when the folder is gone. */
  hold(pod: Pod, file: string): Promise<() => Promise<string>>;
  /** Runs a command in a container. */
  inside(pod: Pod, container: string, command: readonly string[]): Promise<string>;
  /** Runs a command in the sandbox, in the node's network namespace. */
  onNode(command: readonly string[]): Promise<string>;
  until<T>(look: () => Promise<T | undefined | false>): Promise<T>;
}

/** A container that runs a shell script. */
export const shell = (script: string, more: Partial<Container> = {}): Container => ({
  name: 'main',
  image: 'busybox',
  imagePullPolicy: 'IfNotPresent',
  command: ['sh', '-c', script],
  ...more,
});

/** `disk`: the size of the file system that the node keeps everything in; default what the sandbox has. */
export async function startPodScene({ disk }: { disk?: string } = {}): Promise<PodScene> {
  const scene = await startScene(node);
  const { client } = scene;
  const files = `mkdir -p /run/v9s/nodes/${node} && mount -t tmpfs -o size=${disk} node /run/v9s/nodes/${node}`;
  if (disk) await scene.run(undefined, ['sh', '-c', files]);
  const agent = await scene.startAgent(node);
  await until(async () => {
    const { items } = await client.list(resources.serviceaccounts, { namespace });
    return items.length > 0;
  });
  const get = (name: string) => client.get(resources.pods, { name, namespace });
  const folder = (pod: Pod) => `/run/v9s/nodes/${node}/pods/${pod.metadata?.uid}`;
  let held = 0;
  return {
    client,
    agent,
    until,
    create: (name, spec, metadata = {}) =>
      client.create(resources.pods, {
        metadata: { name, namespace, ...metadata },
        spec: { nodeName: node, terminationGracePeriodSeconds: 1, ...spec },
      }),
    podWhere: (name, holds) =>
      until(async () => {
        const pod = await get(name);
        return holds(pod) ? pod : undefined;
      }),
    isReady: (pod) =>
      pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
    async delete(name, gracePeriodSeconds, options = { wait: true }) {
      await client.delete(
        resources.pods,
        { name, namespace },
        gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds },
      );
      if (!options.wait) return;
      await until(async () => {
        const { items } = await client.list(resources.pods, { namespace });
        return !items.some(({ metadata }) => metadata?.name === name);
      });
    },
    events: (name, container) =>
      until(async () => {
        const { items } = await client.list(resources.events, { namespace });
        const about = items
          .filter(({ involvedObject }) => involvedObject.name === name)
          .filter(({ involvedObject }) => !container || involvedObject.fieldPath?.endsWith(`{${container}}`))
          .map(({ type, reason, message }) => `${type} ${reason} ${message}`);
        return about.length > 0 && about;
      }),
    async log(pod, container, attempt = 0) {
      const text = await scene.run(undefined, [
        'cat',
        `${folder(pod)}/containers/${container}/${attempt}.log`,
      ]);
      return text.replace(/^\S+ std\w+ [FP] /gm, '');
    },
    read: (pod, file) => scene.run(undefined, ['cat', `${folder(pod)}/${file}`]),
    async hold(pod, file) {
      const copy = `/run/held-${held++}`;
      await scene.run(undefined, ['ln', `${folder(pod)}/${file}`, copy]);
      return () => scene.run(undefined, ['cat', copy]);
    },
    async inside(pod, container, command) {
      const pid = `${folder(pod)}/containers/${container}/0/pid`;
      const script = `read pid rest < "$0"; exec nsenter -t $pid -m -n -u -i -p "$@"`;
      return scene.run(undefined, ['sh', '-c', script, pid, ...command]);
    },
    onNode: (command) => scene.run(node, command),
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
