import type { Pod } from '../api/types.ts';
import { containerPidFile } from '../node-agent/runtime/paths.ts';

/**
 * The command line that runs `command` in a pod's container, from the lab's own namespaces. Without a name
 * the pod's first container. Throws where the pod has not been started or has no such container.
 */
export function enterContainer(
  pod: Pod,
  container: string | undefined,
  command: readonly string[],
): string[] {
  const names = (pod.spec?.containers ?? []).map(({ name }) => name);
  const wanted = container ?? names[0] ?? '';
  const { name = '', uid = '' } = pod.metadata ?? {};
  if (!names.includes(wanted)) {
    throw new Error(
      `container ${wanted} is not valid for pod ${name}; its containers are ${names.join(', ')}`,
    );
  }
  const status = pod.status?.containerStatuses?.find((each) => each.name === wanted);
  if (!status?.state?.running) throw new Error(`container ${wanted} of pod ${name} is not running`);
  const pidFile = containerPidFile(pod.spec?.nodeName ?? '', uid, wanted, status.restartCount);
  return ['sh', '-c', enterScript, 'sh', pidFile, ...command];
}

/** `$1` names the program's process; what follows is run beside it, with a container's environment. */
const enterScript =
  'read pid rest < "$1" || exit 126; shift; exec nsenter -t "$pid" -m -u -i -n -p -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="$TERM" "$@"';
