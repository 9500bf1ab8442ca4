import type {
  Container,
  DownwardAPIVolumeFile,
  EnvVarSource,
  Pod,
  PodSpec,
  Probe,
  Volume,
} from '../../../../api/types.ts';

/** Octal 0644, the mode of files in volumes. */
const fileMode = 0o644;

/** Fills absent fields of a pod. Upstream: `SetDefaults_Pod` in `pkg/apis/core/v1/defaults.go`. */
export function setPodDefaults(pod: Pod): void {
  const { spec } = pod;
  if (!spec) return;
  setPodSpecDefaults(spec);
  spec.enableServiceLinks ??= true;
  for (const { resources } of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    if (resources?.limits) resources.requests = { ...resources.limits, ...resources.requests };
  }
}

/** Fills absent fields of a pod's spec, in a pod or in a template. Upstream: `SetDefaults_PodSpec`. */
export function setPodSpecDefaults(spec: PodSpec): void {
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= 'default-scheduler';
  const { serviceAccountName = spec.serviceAccount } = spec;
  if (serviceAccountName) {
    spec.serviceAccountName = serviceAccountName;
    spec.serviceAccount = serviceAccountName;
  }
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec;
  for (const container of [...containers, ...initContainers, ...ephemeralContainers]) {
    setContainerDefaults(container, spec.hostNetwork ?? false);
  }
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume);
}

function setContainerDefaults(container: Container, hostNetwork: boolean): void {
  container.imagePullPolicy ||= isLatest(container.image ?? '') ? 'Always' : 'IfNotPresent';
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  for (const port of container.ports ?? []) {
    port.protocol ||= 'TCP';
    if (hostNetwork && !port.hostPort) port.hostPort = port.containerPort;
  }
  for (const { valueFrom } of container.env ?? []) if (valueFrom) setReferenceDefaults(valueFrom);
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe) setProbeDefaults(probe);
  }
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) {
    if (handler?.httpGet) setHttpDefaults(handler.httpGet);
  }
}

/** What tells of the pod itself, in a variable or a file. */
function setReferenceDefaults({ fieldRef, resourceFieldRef }: EnvVarSource | DownwardAPIVolumeFile): void {
  if (fieldRef) fieldRef.apiVersion ||= 'v1';
  if (resourceFieldRef) resourceFieldRef.divisor ??= '0';
}

function setProbeDefaults(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.httpGet) setHttpDefaults(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
}

function setHttpDefaults(action: { path?: string; scheme?: string }): void {
  action.path ||= '/';
  action.scheme ||= 'HTTP';
}

function setVolumeDefaults(volume: Volume): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
  for (const source of [volume.secret, volume.configMap, volume.downwardAPI, volume.projected]) {
    if (source) source.defaultMode ??= fileMode;
  }
  if (volume.hostPath) volume.hostPath.type ??= '';
  const { spec } = volume.ephemeral?.volumeClaimTemplate ?? {};
  if (spec) spec.volumeMode ||= 'Filesystem';
  for (const file of volume.downwardAPI?.items ?? []) setReferenceDefaults(file);
  for (const { serviceAccountToken, downwardAPI } of volume.projected?.sources ?? []) {
    if (serviceAccountToken) serviceAccountToken.expirationSeconds ??= 3600;
    for (const file of downwardAPI?.items ?? []) setReferenceDefaults(file);
  }
  if (volume.iscsi) volume.iscsi.iscsiInterface ||= 'default';
  if (volume.rbd) {
    volume.rbd.pool ||= 'rbd';
    volume.rbd.user ||= 'admin';
    volume.rbd.keyring ||= '/etc/ceph/keyring';
  }
}

/** True when an image has the tag `latest`, or neither tag nor digest. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false;
  const last = image.slice(image.lastIndexOf('/') + 1);
  const [, tag = 'latest'] = last.split(':');
  return tag === 'latest';
}
