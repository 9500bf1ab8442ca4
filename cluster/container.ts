import type { Pod } from '../api/types.ts';
import { containerDir, runtimeScript } from '../node-agent/runtime/paths.ts';

/**
 * The command line that runs `command` in a pod's container, as that runs its own program, from the lab's own
 * namespaces. Without a name the pod's first container. Throws where the pod has not been started or has no such container.
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
  const dir = containerDir(pod.spec?.nodeName ?? '', uid, wanted, status.restartCount);
  return ['sh', '-c', enterScript, runtimeScript('exec.pl'), dir, ...command];
}

/** `$0` is the script that enters, `$1` the folder of the container. */
const enterScript =
  'dir=$1; shift; read pid rest < "$dir/pid" || exit 126; exec perl "$0" "$dir/plan" "$pid" own "$@"';
