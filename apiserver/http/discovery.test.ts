import { expect, test } from 'vitest';
import { aggregated } from './discovery.ts';

/**
 * What a kube-apiserver 1.33 tells of its group versions when it is started without any option: kind, short names,
 * categories (`+`), whether in namespaces (`n`), subresources. Verbs are all eight, unless in brackets; those of
 * subresources get, patch and update, unless in brackets. Upstream: `api/discovery/aggregated_v2.json`.
 */
const upstream = `
v1
  bindings Binding n (create)
  componentstatuses ComponentStatus cs (get list)
  configmaps ConfigMap cm n
  endpoints Endpoints ep n
  events Event ev n
  limitranges LimitRange limits n
  namespaces Namespace ns (create delete get list patch update watch) /finalize(update) /status
  nodes Node no /proxy=NodeProxyOptions(create delete get patch update) /status
  persistentvolumeclaims PersistentVolumeClaim pvc n /status
  persistentvolumes PersistentVolume pv /status
  pods Pod po +all n /attach=PodAttachOptions(create get) /binding=Binding(create) /ephemeralcontainers /eviction=policy/v1.Eviction(create) /exec=PodExecOptions(create get) /log(get) /portforward=PodPortForwardOptions(create get) /proxy=PodProxyOptions(create delete get patch update) /resize /status
  podtemplates PodTemplate n
  replicationcontrollers ReplicationController rc +all n /scale=autoscaling/v1.Scale /status
  resourcequotas ResourceQuota quota n /status
  secrets Secret n
  serviceaccounts ServiceAccount sa n /token=authentication.k8s.io/v1.TokenRequest(create)
  services Service svc +all n /proxy=ServiceProxyOptions(create delete get patch update) /status
apiregistration.k8s.io/v1
  apiservices APIService +api-extensions /status
apps/v1
  controllerrevisions ControllerRevision n
  daemonsets DaemonSet ds +all n /status
  deployments Deployment deploy +all n /scale=autoscaling/v1.Scale /status
  replicasets ReplicaSet rs +all n /scale=autoscaling/v1.Scale /status
  statefulsets StatefulSet sts +all n /scale=autoscaling/v1.Scale /status
events.k8s.io/v1
  events Event ev n
authentication.k8s.io/v1
  selfsubjectreviews SelfSubjectReview (create)
  tokenreviews TokenReview (create)
authorization.k8s.io/v1
  localsubjectaccessreviews LocalSubjectAccessReview n (create)
  selfsubjectaccessreviews SelfSubjectAccessReview (create)
  selfsubjectrulesreviews SelfSubjectRulesReview (create)
  subjectaccessreviews SubjectAccessReview (create)
autoscaling/v1
  horizontalpodautoscalers HorizontalPodAutoscaler hpa +all n /status
autoscaling/v2
  horizontalpodautoscalers HorizontalPodAutoscaler hpa +all n /status
batch/v1
  cronjobs CronJob cj +all n /status
  jobs Job +all n /status
certificates.k8s.io/v1
  certificatesigningrequests CertificateSigningRequest csr /approval /status
networking.k8s.io/v1
  ingressclasses IngressClass
  ingresses Ingress ing n /status
  ipaddresses IPAddress ip
  networkpolicies NetworkPolicy netpol n
  servicecidrs ServiceCIDR /status
policy/v1
  poddisruptionbudgets PodDisruptionBudget pdb n /status
rbac.authorization.k8s.io/v1
  clusterrolebindings ClusterRoleBinding
  clusterroles ClusterRole
  rolebindings RoleBinding n
  roles Role n
storage.k8s.io/v1
  csidrivers CSIDriver
  csinodes CSINode
  csistoragecapacities CSIStorageCapacity n
  storageclasses StorageClass sc
  volumeattachments VolumeAttachment /status
admissionregistration.k8s.io/v1
  mutatingwebhookconfigurations MutatingWebhookConfiguration +api-extensions
  validatingadmissionpolicies ValidatingAdmissionPolicy +api-extensions /status
  validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding +api-extensions
  validatingwebhookconfigurations ValidatingWebhookConfiguration +api-extensions
apiextensions.k8s.io/v1
  customresourcedefinitions CustomResourceDefinition crd crds +api-extensions /status
scheduling.k8s.io/v1
  priorityclasses PriorityClass pc
coordination.k8s.io/v1
  leases Lease n
node.k8s.io/v1
  runtimeclasses RuntimeClass
discovery.k8s.io/v1
  endpointslices EndpointSlice n
flowcontrol.apiserver.k8s.io/v1
  flowschemas FlowSchema /status
  prioritylevelconfigurations PriorityLevelConfiguration /status
`;

interface Part {
  subresource: string;
  responseKind: { group: string; version: string; kind: string };
  verbs: string[];
}

interface Discovered {
  items: {
    metadata: { name: string };
    versions: {
      version: string;
      resources: {
        resource: string;
        responseKind: Part['responseKind'];
        scope: string;
        verbs: string[];
        shortNames?: string[];
        categories?: string[];
        subresources?: Part[];
      }[];
    }[];
  }[];
}

const all = 'create delete deletecollection get list patch update watch';
const partVerbs = 'get patch update';

function linesOf(root: 'api' | 'apis'): Map<string, string[]> {
  const { items } = JSON.parse(aggregated(root, 'v2').body.toString()) as Discovered;
  const versions = items.flatMap(({ metadata: { name: group }, versions }) =>
    versions.map(({ version, resources }) => ({ group, version, resources })),
  );
  return new Map(
    versions.map(({ group, version, resources }) => [
      group ? `${group}/${version}` : version,
      resources.map(({ resource, responseKind: { kind }, ...rest }) => {
        const verbs = rest.verbs.join(' ');
        const parts = (rest.subresources ?? []).map((part) => {
          const { group: of, version: in_, kind: partKind } = part.responseKind;
          const other = of !== group ? `${of}/${in_}.${partKind}` : partKind;
          const own = part.verbs.join(' ');
          return `/${part.subresource}${other === kind ? '' : `=${other}`}${own === partVerbs ? '' : `(${own})`}`;
        });
        return [
          ...[resource, kind, ...(rest.shortNames ?? []), ...(rest.categories ?? []).map((one) => `+${one}`)],
          ...(rest.scope === 'Namespaced' ? ['n'] : []),
          ...(verbs === all ? [] : [`(${verbs})`]),
          ...parts,
        ].join(' ');
      }),
    ]),
  );
}

const ours = new Map([...linesOf('api'), ...linesOf('apis')]);
const groupVersions = upstream
  .trim()
  .split(/\n(?=\S)/)
  .map((text) => {
    const [name = '', ...lines] = text.split('\n').map((line) => line.trim());
    return { name, lines };
  });

test.each(groupVersions)('$name has what it has upstream', ({ name, lines }) => {
  expect(ours.get(name)).toEqual(lines);
});

test('beyond that there are only versions that older clients ask for', () => {
  const more = [...ours.keys()].filter((name) => !groupVersions.some((one) => one.name === name));
  expect(more.filter((name) => !/beta\d$/.test(name))).toEqual([]);
});
