/** Kinds and their parts that do not live in `k8s.io/api/core/v1`: a pattern of model names, and the package. */
const packages: readonly (readonly [RegExp, string])[] = [
  [
    /^(ObjectMeta|ListMeta|OwnerReference|ManagedFieldsEntry|LabelSelector|LabelSelectorRequirement|Condition|DeleteOptions|Preconditions|Status|StatusDetails|StatusCause|API(Group|Resource|Versions).*)$/,
    'io.k8s.apimachinery.pkg.apis.meta.v1',
  ],
  [/^(Deployment|ReplicaSet|StatefulSet|DaemonSet|ControllerRevision|RollingUpdate)/, 'io.k8s.api.apps.v1'],
  [
    /^(EndpointSlice|Endpoint|EndpointConditions|EndpointHints|ForNode|ForZone|EndpointPort)$/,
    'io.k8s.api.discovery.v1',
  ],
  [/^Lease/, 'io.k8s.api.coordination.v1'],
  [/^(ServiceCIDR|IPAddress|ParentReference|NetworkPolicy|Ingress|IPBlock)/, 'io.k8s.api.networking.v1'],
  [/^(HorizontalPodAutoscaler|CrossVersionObjectReference)/, 'io.k8s.api.autoscaling.v1'],
  [/^Scale(Spec|Status)?$/, 'io.k8s.api.autoscaling.v1'],
  [/^((Cluster)?Role(Binding)?|PolicyRule|RoleRef|AggregationRule)$/, 'io.k8s.api.rbac.v1'],
  [/^CertificateSigningRequest/, 'io.k8s.api.certificates.v1'],
  [/^(Eviction$|PodDisruptionBudget)/, 'io.k8s.api.policy.v1'],
  [/^(Job|CronJob|PodFailurePolicy|SuccessPolicy|UncountedTerminatedPods)/, 'io.k8s.api.batch.v1'],
  [/^(StorageClass|CSI(Driver|Node|StorageCapacity)|VolumeAttachment|VolumeError)/, 'io.k8s.api.storage.v1'],
  [/^PriorityClass$/, 'io.k8s.api.scheduling.v1'],
  [/^RuntimeClass$/, 'io.k8s.api.node.v1'],
  [
    /^(MutatingWebhook|Validating|RuleWithOperations|NamedRuleWithOperations|MatchResources|Param(Kind|Ref))/,
    'io.k8s.api.admissionregistration.v1',
  ],
  [/^APIService/, 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1'],
];

/** Names that were made unique in `api/schema.json`, and what upstream calls them. */
const renamed: Readonly<Record<string, string>> = {
  EventsEvent: 'io.k8s.api.events.v1.Event',
  EventsEventSeries: 'io.k8s.api.events.v1.EventSeries',
  CoreEvent: 'io.k8s.api.core.v1.Event',
  CoreEventSeries: 'io.k8s.api.core.v1.EventSeries',
  CoreEndpointPort: 'io.k8s.api.core.v1.EndpointPort',
  CoreResourceClaim: 'io.k8s.api.core.v1.ResourceClaim',
  RbacSubject: 'io.k8s.api.rbac.v1.Subject',
  DiscoveryEndpointPort: 'io.k8s.api.discovery.v1.EndpointPort',
};

/**
 * `Pod` → `io.k8s.api.core.v1.Pod`: the name of a model's schema in an OpenAPI document. Those of custom kinds have one
 * already: `com.example.v1.Widget`.
 */
export function schemaName(model: string): string {
  if (model.includes('.')) return model;
  const [, home = 'io.k8s.api.core.v1'] = packages.find(([pattern]) => pattern.test(model)) ?? [];
  if (model.startsWith('V2')) return `io.k8s.api.autoscaling.v2.${model.slice(2)}`;
  return renamed[model] ?? `${home}.${model}`;
}
