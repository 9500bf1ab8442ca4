import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Container, EphemeralContainer, Pod } from '../../api/types.ts';
import { inspectContainer, signalContainer, startContainer } from '../runtime/containers.ts';
import { logFile } from '../runtime/paths.ts';
import type { PodContext } from './context.ts';
import { kernelHostname } from './hosts.ts';
import { namespacesExist } from './sandbox.ts';
import { sysctlsOf } from './security.ts';
import { NotYetError } from './sources.ts';
import type { PodState } from './state.ts';

/** Name of what holds the PID namespace that a pod's containers share, as Docker called it; no container has it. */
export const pidHolder = 'POD';

const folder = (podDir: string) => join(podDir, 'containers', pidHolder, '0');

/**
 * Where a container's processes are: undefined for a PID namespace of its own, '' for that of the lab, or the path of
 * the one that the pod's containers share (`shareProcessNamespace`). Its first process, which adopts what others leave,
 * is there before the first container. An ephemeral container may have a target, whose
 * processes it sees. Upstream: the pause container.
 */
export async function pidNamespace(
  context: PodContext,
  state: PodState,
  pod: Pod,
  container: Container | EphemeralContainer,
): Promise<string | undefined> {
  const target = 'targetContainerName' in container ? container.targetContainerName : undefined;
  if (pod.spec?.hostPID) {
    if (context.host.guard.isMachineRoot && podContainers(pod).some(maySeeOthers))
      throw new NotYetError(refused);
    return '';
  }
  if (!pod.spec?.shareProcessNamespace) {
    if (!target) return undefined;
    const { running } = state.containers.get(target) ?? {};
    if (!running) throw new NotYetError(`unable to find target container "${target}"`);
    return `/proc/${running.pid}/ns/pid`;
  }
  const dir = folder(state.dir);
  const before = inspectContainer(dir);
  if (before.phase !== 'running') await startHolder(context, state, pod);
  const holder = inspectContainer(dir);
  if (holder.phase !== 'running')
    throw new Error('the process that holds the PID namespace of the pod has ended');
  return `/proc/${holder.pid}/ns/pid`;
}

/** By way of `/proc/PID/root` of the lab's own processes all of the machine would be open to it. */
const refused =
  "hostPID with a container that is privileged or has SYS_ADMIN or SYS_PTRACE is not possible in a lab of root's: start the cluster as an ordinary user";

function maySeeOthers({ securityContext }: Container): boolean {
  const { privileged, capabilities } = securityContext ?? {};
  return (
    privileged === true || (capabilities?.add ?? []).some((one) => /^(ALL|SYS_ADMIN|SYS_PTRACE)$/.test(one))
  );
}

const podContainers = ({ spec }: Pod): Container[] => [
  ...(spec?.ephemeralContainers ?? []),
  ...(spec?.initContainers ?? []),
  ...(spec?.containers ?? []),
];

export function endPidNamespace(podDir: string): void {
  signalContainer(folder(podDir), 'SIGKILL');
}

async function startHolder(context: PodContext, state: PodState, pod: Pod): Promise<void> {
  const { nodeName, dns, notifyDir, starter, host } = context;
  const record = { id: randomBytes(32).toString('hex'), name: pidHolder, image: '', imageID: '', attempt: 0 };
  const spec = {
    dir: folder(state.dir),
    logFile: logFile(state.dir, pidHolder, 0),
    notifyFile: join(notifyDir, state.uid),
    netns: state.netns,
    namespaces: {
      dir: join(state.dir, 'ns'),
      shared: namespacesExist(state.dir),
      hostIpc: pod.spec?.hostIPC ?? false,
    },
    hostname: kernelHostname(pod, nodeName, dns.clusterDomain),
    // Takes in orphans, and does nothing else; as /pause.
    command: ['perl', '-e', '$SIG{CHLD} = "IGNORE"; $SIG{TERM} = sub { exit 0 }; sleep 9 while 1'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    workingDir: '/',
    binds: [],
    privileged: false,
    sysctls: sysctlsOf(pod),
  };
  await startContainer(starter, spec, record, host);
}
