import { apiServiceStrategy } from './admission/api-service.ts';
import {
  validatingAdmissionPolicyBindingStrategy,
  validatingAdmissionPolicyStrategy,
} from './admission/policies.ts';
import { mutatingWebhookStrategy, validatingWebhookStrategy } from './admission/webhooks.ts';
import { cronJobStrategy } from './batch/cron-job.ts';
import { jobStrategy } from './batch/job.ts';
import { certificateSigningRequestStrategy } from './certificate-signing-request.ts';
import { componentStatusStrategy } from './component-status.ts';
import { configMapStrategy } from './config-map.ts';
import { endpointSliceStrategy } from './endpoint-slice.ts';
import { endpointsStrategy } from './endpoints.ts';
import { eventStrategy } from './event.ts';
import { flowSchemaStrategy } from './flowcontrol/flow-schema.ts';
import { priorityLevelConfigurationStrategy } from './flowcontrol/priority-level-configuration.ts';
import { leaseStrategy } from './lease.ts';
import { namespaceStrategy } from './namespace.ts';
import { ingressStrategy } from './networking/ingress.ts';
import { ingressClassStrategy } from './networking/ingress-class.ts';
import { ipAddressStrategy } from './networking/ip-address.ts';
import { networkPolicyStrategy } from './networking/network-policy.ts';
import { nodeStrategy } from './node.ts';
import { podStrategy } from './pod/pod.ts';
import { limitRangeStrategy } from './quota/limit-range.ts';
import { resourceQuotaStrategy } from './quota/resource-quota.ts';
import { clusterRoleBindingStrategy, roleBindingStrategy } from './rbac/bindings.ts';
import { clusterRoleStrategy, roleStrategy } from './rbac/roles.ts';
import { horizontalPodAutoscalerStrategy } from './scheduling/horizontal-pod-autoscaler.ts';
import { priorityClassStrategy } from './scheduling/priority-class.ts';
import { runtimeClassStrategy } from './scheduling/runtime-class.ts';
import { secretStrategy } from './secret.ts';
import { serviceStrategy } from './service/service.ts';
import { serviceAccountStrategy } from './service-account.ts';
import { serviceCidrStrategy } from './service-cidr.ts';
import { csiDriverStrategy, csiNodeStrategy, csiStorageCapacityStrategy } from './storage/csi.ts';
import { persistentVolumeStrategy } from './storage/persistent-volume.ts';
import { persistentVolumeClaimStrategy } from './storage/persistent-volume-claim.ts';
import { storageClassStrategy } from './storage/storage-class.ts';
import { volumeAttachmentStrategy } from './storage/volume-attachment.ts';
import { controllerRevisionStrategy } from './workload/controller-revision.ts';
import { daemonSetStrategy } from './workload/daemon-set.ts';
import { deploymentStrategy } from './workload/deployment.ts';
import { podDisruptionBudgetStrategy } from './workload/pod-disruption-budget.ts';
import { podTemplateStrategy } from './workload/pod-template.ts';
import { replicaSetStrategy } from './workload/replica-set.ts';
import { replicationControllerStrategy } from './workload/replication-controller.ts';
import { statefulSetStrategy } from './workload/stateful-set.ts';

/** What the files of this folder say of kinds. Written by `scripts/generate-kinds.ts`; do not edit. */
export const found = [
  apiServiceStrategy,
  validatingAdmissionPolicyBindingStrategy,
  validatingAdmissionPolicyStrategy,
  mutatingWebhookStrategy,
  validatingWebhookStrategy,
  cronJobStrategy,
  jobStrategy,
  certificateSigningRequestStrategy,
  componentStatusStrategy,
  configMapStrategy,
  endpointSliceStrategy,
  endpointsStrategy,
  eventStrategy,
  flowSchemaStrategy,
  priorityLevelConfigurationStrategy,
  leaseStrategy,
  namespaceStrategy,
  ingressStrategy,
  ingressClassStrategy,
  ipAddressStrategy,
  networkPolicyStrategy,
  nodeStrategy,
  podStrategy,
  limitRangeStrategy,
  resourceQuotaStrategy,
  clusterRoleBindingStrategy,
  roleBindingStrategy,
  clusterRoleStrategy,
  roleStrategy,
  horizontalPodAutoscalerStrategy,
  priorityClassStrategy,
  runtimeClassStrategy,
  secretStrategy,
  serviceStrategy,
  serviceAccountStrategy,
  serviceCidrStrategy,
  csiDriverStrategy,
  csiNodeStrategy,
  csiStorageCapacityStrategy,
  persistentVolumeStrategy,
  persistentVolumeClaimStrategy,
  storageClassStrategy,
  volumeAttachmentStrategy,
  controllerRevisionStrategy,
  daemonSetStrategy,
  deploymentStrategy,
  podDisruptionBudgetStrategy,
  podTemplateStrategy,
  replicaSetStrategy,
  replicationControllerStrategy,
  statefulSetStrategy,
] as const;
