import { startBootstrapSignerController } from './bootstrap/signer.ts';
import { startTokenCleanerController } from './bootstrap/token-cleaner.ts';
import { startCsrApprovingController } from './certificates/approve.ts';
import { startServingApprovingController } from './certificates/approve-serving.ts';
import { startCsrCleanerController } from './certificates/clean.ts';
import { startCsrSigningController } from './certificates/sign.ts';
import { startClusterRoleAggregationController } from './clusterrole-aggregation.ts';
import type { Controller } from './context.ts';
import { startCronJobController } from './cronjob/cronjob.ts';
import { startDaemonSetController } from './daemonset/daemonset.ts';
import { startDeploymentController } from './deployment/deployment.ts';
import { startDisruptionController } from './disruption/disruption.ts';
import { startEndpointsController } from './endpoints/endpoints.ts';
import { startEndpointSliceController } from './endpointslice/endpointslice.ts';
import { startEndpointSliceMirroringController } from './endpointslice/mirroring.ts';
import { startGarbageCollector } from './garbagecollector/garbagecollector.ts';
import { startJobController } from './job/job.ts';
import { startTtlAfterFinishedController } from './job/ttl.ts';
import { startLoadBalancerController } from './loadbalancer/loadbalancer.ts';
import { startNamespaceController } from './namespace.ts';
import { startNodeIpamController } from './nodeipam/nodeipam.ts';
import { startTaintEvictionController } from './nodelifecycle/eviction.ts';
import { startNodeLifecycleController } from './nodelifecycle/nodelifecycle.ts';
import { startPodGcController } from './nodelifecycle/podgc.ts';
import { startEphemeralVolumeController } from './persistentvolume/ephemeral.ts';
import { startPersistentVolumeController } from './persistentvolume/persistentvolume.ts';
import { startPodAutoscalerController } from './podautoscaler/podautoscaler.ts';
import { startReplicaSetController } from './replicaset/replicaset.ts';
import { startReplicationController } from './replicaset/replication-controller.ts';
import { startResourceQuotaController } from './resourcequota.ts';
import { startRootCaController } from './root-ca.ts';
import { startScheduler } from './scheduler/scheduler.ts';
import { startServiceAccountController } from './serviceaccount.ts';
import { startServiceAccountTokensController } from './serviceaccount-tokens.ts';
import { startStatefulSetController } from './statefulset/statefulset.ts';

/**
 * Every controller, in the order in which they start and hear of a change. What others wait for comes
 * first: a namespace needs its ServiceAccount before pods can be made in it, a node its podCIDR before pods can run there.
 */
export const controllers: readonly Controller[] = [
  startServiceAccountController,
  startServiceAccountTokensController,
  startRootCaController,
  startNodeIpamController,
  startNodeLifecycleController,
  startTaintEvictionController,
  startPodGcController,
  startDeploymentController,
  startReplicaSetController,
  startStatefulSetController,
  startDaemonSetController,
  startCronJobController,
  startJobController,
  startTtlAfterFinishedController,
  startDisruptionController,
  startScheduler,
  startEndpointSliceController,
  startEndpointsController,
  startEndpointSliceMirroringController,
  startLoadBalancerController,
  startCsrApprovingController,
  startServingApprovingController,
  startCsrSigningController,
  startCsrCleanerController,
  startBootstrapSignerController,
  startTokenCleanerController,
  startClusterRoleAggregationController,
  startEphemeralVolumeController,
  startPersistentVolumeController,
  startReplicationController,
  startPodAutoscalerController,
  startResourceQuotaController,
  startNamespaceController,
  startGarbageCollector,
];
