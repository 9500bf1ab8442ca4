import type { DaemonSet, Node, Pod, PodSpec, Toleration } from '../../api/types.ts';
import { tolerates } from '../nodelifecycle/taints.ts';
import { podFromTemplate } from '../pod-control.ts';
import { matchesNode } from '../scheduler/affinity.ts';

/** Whether a node is to have a pod, and whether one that is there may stay. */
export interface Verdict {
  shouldRun: boolean;
  shouldContinue: boolean;
}

/** Upstream: NodeShouldRunDaemonPod in `pkg/controller/daemon/daemon_controller.go`. */
export function judgeNode(set: DaemonSet, node: Node): Verdict {
  const pod = podFromTemplate(set, set.spec?.template);
  const name = node.metadata?.name ?? '';
  if (pod.spec?.nodeName && pod.spec.nodeName !== name) return { shouldRun: false, shouldContinue: false };
  if (!matchesNode(pod, node)) return { shouldRun: false, shouldContinue: false };
  const tolerations = pod.spec ? daemonTolerations(pod.spec) : [];
  const untolerated = (node.spec?.taints ?? []).filter(
    (taint) => !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
  const has = (effect: string) => untolerated.some((taint) => taint.effect === effect);
  return { shouldRun: !has('NoSchedule') && !has('NoExecute'), shouldContinue: !has('NoExecute') };
}

/** The pod for one node: the scheduler may put it nowhere else. Upstream: ReplaceDaemonSetPodNodeNameNodeAffinity. */
export function daemonPod(set: DaemonSet, node: string, labels: Record<string, string>): Pod {
  const pod = podFromTemplate(set, set.spec?.template);
  const spec = pod.spec ?? { containers: [] };
  const { requiredDuringSchedulingIgnoredDuringExecution: _replaced, ...preferred } =
    spec.affinity?.nodeAffinity ?? {};
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }];
  return {
    ...pod,
    metadata: { ...pod.metadata, labels: { ...pod.metadata?.labels, ...generationOf(set), ...labels } },
    spec: {
      ...spec,
      tolerations: daemonTolerations(spec),
      affinity: {
        ...spec.affinity,
        nodeAffinity: {
          ...preferred,
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
        },
      },
    },
  };
}

/** The node a pod is on, or was made for. Upstream: GetTargetNodeName. */
export function targetNode({ spec }: Pod): string | undefined {
  if (spec?.nodeName) return spec.nodeName;
  const { nodeSelectorTerms = [] } =
    spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? {};
  for (const { matchFields = [] } of nodeSelectorTerms) {
    const field = matchFields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
    if (field?.values?.length === 1) return field.values[0];
  }
  return undefined;
}

/** A node in trouble keeps its daemons, and one that is cordoned still gets them. Upstream: AddOrUpdateDaemonPodTolerations. */
function daemonTolerations({ tolerations = [], hostNetwork }: PodSpec): Toleration[] {
  const tolerated = [
    ['not-ready', 'NoExecute'],
    ['unreachable', 'NoExecute'],
    ['disk-pressure', 'NoSchedule'],
    ['memory-pressure', 'NoSchedule'],
    ['pid-pressure', 'NoSchedule'],
    ['unschedulable', 'NoSchedule'],
    ...(hostNetwork ? [['network-unavailable', 'NoSchedule']] : []),
  ].map(([name, effect = '']) => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect }));
  const others = tolerations.filter(
    (one) =>
      !tolerated.some(
        ({ key, effect }) => one.key === key && one.effect === effect && one.operator === 'Exists',
      ),
  );
  return [...others, ...tolerated];
}

/** Upstream: `DaemonSetTemplateGenerationKey`, of what the API counts. */
function generationOf({ metadata }: DaemonSet): Record<string, string> {
  const generation = metadata?.annotations?.['deprecated.daemonset.template.generation'];
  return generation ? { 'pod-template-generation': generation } : {};
}
