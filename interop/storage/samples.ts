import { generateKeyPairSync } from 'node:crypto';
import type { KubeObject } from '../../api/object.ts';
import { createRequest } from '../../api/x509/request.ts';

/** What is kept in an etcd: one of each kind that an apiserver of 1.20 has, too. */
export interface Sample {
  /** In which it is asked for at the genuine apiserver, and at ours. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Plural. */
  readonly resource: string;
  readonly namespaced: boolean;
  /** But for metadata; of some kinds it has to do with the name. */
  readonly object: object | ((name: string) => object);
  /** Of kinds whose names follow from what they say. */
  readonly nameOf?: (name: string) => string;
}

const container = { name: 'main', image: 'pause', resources: { requests: { cpu: '100m', memory: '1Gi' } } };
const template = {
  metadata: { labels: { app: 'web' } },
  spec: {
    containers: [
      { ...container, ports: [{ containerPort: 80 }], livenessProbe: { tcpSocket: { port: 'http' } } },
    ],
    volumes: [{ name: 'v', configMap: { name: 'c', defaultMode: 420 } }],
  },
};
const selector = { matchLabels: { app: 'web' } };
const rule = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const clientConfig = { url: 'https://example.org/hook' };
const webhook = { name: 'a.example.org', clientConfig, sideEffects: 'None', admissionReviewVersions: ['v1'] };

const namespaced = (
  apiVersion: string,
  kind: string,
  resource: string,
  object: Sample['object'],
): Sample => ({
  ...{ apiVersion, kind, resource, object },
  namespaced: true,
});
const global = (apiVersion: string, kind: string, resource: string, object: Sample['object']): Sample => ({
  ...{ apiVersion, kind, resource, object },
  namespaced: false,
});

const rbac = 'rbac.authorization.k8s.io/v1';
const storage = 'storage.k8s.io/v1';

export const samples: readonly Sample[] = [
  namespaced('v1', 'ConfigMap', 'configmaps', {
    data: { a: 'b', 'c.d': 'ä\n2' },
    binaryData: { e: 'AAECAw==' },
  }),
  namespaced('v1', 'Secret', 'secrets', { data: { a: 'Yg==' }, type: 'example.org/kind' }),
  namespaced('v1', 'ServiceAccount', 'serviceaccounts', { automountServiceAccountToken: false }),
  namespaced('v1', 'Pod', 'pods', { spec: { ...template.spec, serviceAccountName: 'default' } }),
  namespaced('v1', 'Service', 'services', {
    spec: {
      type: 'NodePort',
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 'http' }],
    },
  }),
  namespaced('v1', 'Endpoints', 'endpoints', {
    subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }],
  }),
  namespaced('v1', 'Event', 'events', {
    involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' },
    reason: 'Tried',
    message: 'text',
    type: 'Normal',
    count: 3,
    firstTimestamp: '2026-01-01T00:00:00Z',
  }),
  namespaced('v1', 'LimitRange', 'limitranges', {
    spec: { limits: [{ type: 'PersistentVolumeClaim', min: { storage: '1Mi' } }] },
  }),
  namespaced('v1', 'ResourceQuota', 'resourcequotas', { spec: { hard: { 'count/secrets': '1k' } } }),
  namespaced('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims', { spec: claim }),
  namespaced('v1', 'PodTemplate', 'podtemplates', { template }),
  namespaced('v1', 'ReplicationController', 'replicationcontrollers', {
    spec: { replicas: 0, selector: { app: 'web' }, template },
  }),
  global('v1', 'Namespace', 'namespaces', {}),
  global('v1', 'Node', 'nodes', {
    spec: { podCIDR: '10.244.9.0/24', taints: [{ key: 'a', effect: 'NoSchedule' }] },
  }),
  global('v1', 'PersistentVolume', 'persistentvolumes', {
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/tmp/x' } },
  }),
  namespaced('apps/v1', 'Deployment', 'deployments', { spec: { replicas: 0, selector, template } }),
  namespaced('apps/v1', 'ReplicaSet', 'replicasets', { spec: { replicas: 0, selector, template } }),
  namespaced('apps/v1', 'DaemonSet', 'daemonsets', { spec: { selector, template } }),
  namespaced('apps/v1', 'StatefulSet', 'statefulsets', {
    spec: { serviceName: 'web', replicas: 0, selector, template },
  }),
  namespaced('apps/v1', 'ControllerRevision', 'controllerrevisions', {
    revision: 7,
    data: { spec: { a: ['b'] } },
  }),
  namespaced('batch/v1', 'Job', 'jobs', {
    spec: { completions: 2, template: { spec: { restartPolicy: 'Never', containers: [container] } } },
  }),
  namespaced('batch/v1beta1', 'CronJob', 'cronjobs', {
    spec: {
      schedule: '1 * * * *',
      jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } } },
    },
  }),
  namespaced('policy/v1beta1', 'PodDisruptionBudget', 'poddisruptionbudgets', {
    spec: { minAvailable: '50%', selector },
  }),
  namespaced('autoscaling/v1', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', {
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 3,
      targetCPUUtilizationPercentage: 50,
    },
  }),
  namespaced('discovery.k8s.io/v1beta1', 'EndpointSlice', 'endpointslices', {
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: ['192.0.2.1'],
        conditions: { ready: true },
        topology: { 'kubernetes.io/hostname': 'worker', 'topology.kubernetes.io/zone': 'a' },
      },
    ],
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  }),
  namespaced('coordination.k8s.io/v1', 'Lease', 'leases', {
    spec: { holderIdentity: 'me', leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.123456Z' },
  }),
  namespaced('networking.k8s.io/v1', 'Ingress', 'ingresses', {
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
  }),
  namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', {
    spec: {
      podSelector: {},
      policyTypes: ['Ingress'],
      ingress: [{ ports: [{ port: 80, protocol: 'TCP' }] }],
    },
  }),
  global('networking.k8s.io/v1', 'IngressClass', 'ingressclasses', {
    spec: { controller: 'example.org/in' },
  }),
  namespaced(rbac, 'Role', 'roles', { rules: [rule] }),
  namespaced(rbac, 'RoleBinding', 'rolebindings', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
    subjects: [{ kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' }],
  }),
  global(rbac, 'ClusterRole', 'clusterroles', { rules: [rule] }),
  global(rbac, 'ClusterRoleBinding', 'clusterrolebindings', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name: 's', namespace: 'default' }],
  }),
  global(storage, 'StorageClass', 'storageclasses', { provisioner: 'example.org/p', parameters: { a: 'b' } }),
  global(storage, 'CSIDriver', 'csidrivers', { spec: { attachRequired: false } }),
  global(storage, 'CSINode', 'csinodes', { spec: { drivers: [{ name: 'd.example.org', nodeID: 'n' }] } }),
  global(storage, 'VolumeAttachment', 'volumeattachments', {
    spec: { attacher: 'd.example.org', nodeName: 'n', source: { persistentVolumeName: 'v' } },
  }),
  global('scheduling.k8s.io/v1', 'PriorityClass', 'priorityclasses', { value: 7, description: 'd' }),
  global('node.k8s.io/v1', 'RuntimeClass', 'runtimeclasses', { handler: 'h' }),
  global('certificates.k8s.io/v1', 'CertificateSigningRequest', 'certificatesigningrequests', {
    spec: { request: certificateRequest(), signerName: 'example.org/s', usages: ['client auth'] },
  }),
  global(
    'admissionregistration.k8s.io/v1',
    'ValidatingWebhookConfiguration',
    'validatingwebhookconfigurations',
    {
      webhooks: [webhook],
    },
  ),
  global('admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', {
    webhooks: [webhook],
  }),
  {
    ...global(
      'apiextensions.k8s.io/v1',
      'CustomResourceDefinition',
      'customresourcedefinitions',
      (name: string) => ({
        spec: {
          group: 'example.org',
          scope: 'Namespaced',
          names: { plural: `${name}s`, singular: name, kind: name, listKind: `${name}List` },
          versions: [
            { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
          ],
        },
      }),
    ),
    nameOf: (name) => `${name}s.example.org`,
  },
  {
    ...global('apiregistration.k8s.io/v1', 'APIService', 'apiservices', (name: string) => ({
      spec: {
        group: `${name}.example.org`,
        version: 'v1',
        groupPriorityMinimum: 10,
        versionPriority: 10,
        insecureSkipTLSVerify: true,
        service: { name: 'far', namespace: 'default', port: 443 },
      },
    })),
    nameOf: (name) => `v1.${name}.example.org`,
  },
];

function certificateRequest(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return Buffer.from(createRequest(privateKey, { commonName: 'me', organizations: [] })).toString('base64');
}

/** The object under a name that no other sample has. */
export function named(
  { apiVersion, kind, object, nameOf, namespaced: within }: Sample,
  name: string,
): KubeObject {
  const metadata = {
    name: nameOf?.(name) ?? name,
    labels: { sample: 'yes' },
    ...(within ? { namespace: 'default' } : {}),
  };
  return { apiVersion, kind, metadata, ...(typeof object === 'function' ? object(name) : object) };
}

/** Of one object, or of all of them. */
export function pathOf({ apiVersion, resource, nameOf, namespaced: within }: Sample, name?: string): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const collection = `${root}${within ? '/namespaces/default' : ''}/${resource}`;
  return name === undefined ? collection : `${collection}/${nameOf?.(name) ?? name}`;
}
