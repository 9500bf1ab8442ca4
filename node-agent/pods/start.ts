import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { Again } from '../../api/queue.ts';
import type { Container, Pod } from '../../api/types.ts';
import { parseReference } from '../images/reference.ts';
import { type ContainerRecord, removeAttempt, startContainer } from '../runtime/containers.ts';
import { attemptDir } from '../runtime/paths.ts';
import { ContainerStartError } from '../runtime/starter.ts';
import { goDuration, nextBackoff, remainingBackoff } from './backoff.ts';
import { containerCgroup } from './container-cgroup.ts';
import { containerSpec } from './container-spec.ts';
import { eventSubject, type PodContext } from './context.ts';
import { serviceEnvironment } from './environment.ts';
import { namespacesExist } from './sandbox.ts';
import { pidNamespace } from './shared-pid.ts';
import { NotYetError } from './sources.ts';
import { apiTime, type ContainerEntry, type PodState, runtimeName } from './state.ts';

/** How long a container waits for a ConfigMap or Secret before it looks again. */
const configRetry = 1_000;

/** Starts the next attempt of a container, or writes down why it cannot be started yet. */
export async function startNext(
  context: PodContext,
  state: PodState,
  pod: Pod,
  container: Container,
  entry: ContainerEntry,
): Promise<Again | undefined> {
  const crashed = crashBackoff(context, pod, entry);
  if (crashed) return crashed;
  const image = context.catalogue.find(container.image ?? '');
  if (!image) return missingImage(context, pod, container, entry);
  delete entry.pull;

  const subject = eventSubject(pod, container.name);
  const { recorder } = context;
  for (const [reason, text] of pullEvents(container)) recorder.event(subject, 'Normal', reason, text);
  const attempt = entry.record ? entry.record.attempt + 1 : entry.firstAttempt;
  const record: ContainerRecord = {
    id: randomBytes(32).toString('hex'),
    name: container.name,
    image: container.image ?? '',
    imageID: image.id,
    attempt,
  };
  const before = { ...entry };
  try {
    mkdirSync(attemptDir(state.dir, container.name, attempt), { recursive: true });
    const cgroups = containerCgroup(context, state, pod, container, { id: record.id, attempt });
    const shared = await pidNamespace(context, state, pod, container);
    const spec = await containerSpec(pod, container, image, attempt, {
      dir: state.dir,
      netns: state.netns,
      place: {
        nodeName: context.nodeName,
        hostIps: context.nodeIps,
        podIps: state.ips,
        hostDir: context.hostDir,
        hidden: context.hidden ?? [],
      },
      clusterDomain: context.dns.clusterDomain,
      serviceEnvironment: serviceEnvironment(pod, context.services()),
      sources: context.sources,
      notifyDir: context.notifyDir,
      namespacesExist: namespacesExist(state.dir),
      pidNamespace: shared,
      processes: context.podPidsLimit,
      cgroups,
    });
    if (entry.terminated) {
      entry.previous = entry.terminated;
      entry.crash = nextBackoff(entry.crash, Date.parse(entry.terminated.finishedAt ?? ''), Date.now());
    }
    delete entry.terminated;
    delete entry.waiting;
    delete entry.adopted;
    entry.record = record;
    entry.dir = spec.dir;
    await startContainer(context.starter, spec, record, context.host);
    // As kubelet keeps one dead container of each: the log of the attempt before can still be read.
    removeAttempt(state.dir, container.name, attempt - 2);
    recorder.event(subject, 'Normal', 'Created', `Created container: ${container.name}`);
    recorder.event(subject, 'Normal', 'Started', `Started container ${container.name}`);
    return undefined;
  } catch (error) {
    if (error instanceof NotYetError) {
      entry.waiting = { reason: 'CreateContainerConfigError', message: error.message };
      recorder.event(subject, 'Warning', 'Failed', `Error: ${error.message}`);
      return { requeueAfter: configRetry };
    }
    if (!(error instanceof ContainerStartError)) {
      // Such as a full disk: it may pass, and nothing has run.
      const { message } = error as Error;
      Object.assign(entry, before, { waiting: { reason: 'CreateContainerError', message } });
      if (!before.record) delete entry.record;
      recorder.event(subject, 'Warning', 'Failed', `Error: ${message}`);
      return { requeueAfter: configRetry };
    }
    recorder.event(subject, 'Normal', 'Created', `Created container: ${container.name}`);
    recorder.event(subject, 'Warning', 'Failed', `Error: failed to start container: ${error.message}`);
    entry.terminated = {
      exitCode: 128,
      reason: 'StartError',
      message: `failed to start container: ${error.message}`,
      startedAt: '1970-01-01T00:00:00Z',
      finishedAt: apiTime(),
      containerID: `${runtimeName}://${record.id}`,
    };
    return { requeueAfter: 0 };
  }
}

/** What is told of an image that is there. With the policy Always kubelet asks a registry; here the catalogue is it. */
function pullEvents({ image, imagePullPolicy }: Container): [reason: string, message: string][] {
  if (imagePullPolicy !== 'Always')
    return [['Pulled', `Container image "${image}" already present on machine`]];
  return [
    ['Pulling', `Pulling image "${image}"`],
    ['Pulled', `Successfully pulled image "${image}" in 0s (0s including waiting)`],
  ];
}

/** CrashLoopBackOff while an ended container may not be started again yet. */
function crashBackoff(context: PodContext, pod: Pod, entry: ContainerEntry): Again | undefined {
  const ended = entry.terminated;
  if (!ended) return undefined;
  const remaining = remainingBackoff(entry.crash, Date.parse(ended.finishedAt ?? ''), Date.now());
  if (remaining === 0) return undefined;
  const { name, namespace, uid } = pod.metadata ?? {};
  const where = `container=${entry.name} pod=${name}_${namespace}(${uid})`;
  const delay = goDuration(entry.crash?.delay ?? 0);
  if (entry.waiting?.reason !== 'CrashLoopBackOff') {
    const text = `Back-off restarting failed container ${entry.name} in pod ${name}_${namespace}(${uid})`;
    context.recorder.event(eventSubject(pod, entry.name), 'Warning', 'BackOff', text);
  }
  entry.waiting = {
    reason: 'CrashLoopBackOff',
    message: `back-off ${delay} restarting failed ${where}`,
  };
  return { requeueAfter: remaining };
}

/** ErrImagePull at each try, ImagePullBackOff between them. */
function missingImage(context: PodContext, pod: Pod, container: Container, entry: ContainerEntry): Again {
  const reference = container.image ?? '';
  const subject = eventSubject(pod, container.name);
  const { recorder } = context;
  if (!parseReference(reference)) {
    const message = `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`;
    entry.waiting = { reason: 'InvalidImageName', message };
    recorder.event(subject, 'Warning', 'InspectFailed', message);
    recorder.event(subject, 'Warning', 'Failed', 'Error: InvalidImageName');
    return { requeueAfter: 60_000 };
  }
  if (container.imagePullPolicy === 'Never') {
    const message = `Container image "${reference}" is not present with pull policy of Never`;
    entry.waiting = { reason: 'ErrImageNeverPull', message };
    recorder.event(subject, 'Warning', 'ErrImageNeverPull', message);
    recorder.event(subject, 'Warning', 'Failed', 'Error: ErrImageNeverPull');
    return { requeueAfter: 60_000 };
  }
  const now = Date.now();
  const { pull } = entry;
  const remaining = pull ? remainingBackoff(pull, pull.failedAt, now) : 0;
  if (pull && remaining > 0) {
    const text = `Back-off pulling image "${reference}"`;
    recorder.event(subject, 'Normal', 'BackOff', text);
    recorder.event(subject, 'Warning', 'Failed', 'Error: ImagePullBackOff');
    entry.waiting = { reason: 'ImagePullBackOff', message: `${text}: ErrImagePull: ${pull.message}` };
    return { requeueAfter: remaining };
  }
  const message = `image "${reference}" is neither loaded nor built in, and nothing is pulled: v9s load FILE.tar brings it; built in are ${context.catalogue.names().join(', ')}`;
  recorder.event(subject, 'Normal', 'Pulling', `Pulling image "${reference}"`);
  recorder.event(subject, 'Warning', 'Failed', `Failed to pull image "${reference}": ${message}`);
  recorder.event(subject, 'Warning', 'Failed', 'Error: ErrImagePull');
  entry.waiting = { reason: 'ErrImagePull', message };
  entry.pull = { ...nextBackoff(pull, pull?.failedAt ?? now, now), failedAt: now, message };
  // Long enough for a watcher to see the first word before the second.
  return { requeueAfter: 1_000 };
}
