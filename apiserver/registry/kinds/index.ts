import type { KubeObject } from '../../../api/object.ts';
import { allResources, type Resource, resources } from '../../../api/scheme.ts';
import type { ServiceAccount } from '../../../api/types.ts';
import { customResourceDefinitionStrategy } from '../../apiextensions/definition/strategy.ts';
import type { NodeRestriction } from '../../auth/node/restriction.ts';
import type { EscalationCheck } from '../../auth/rbac/escalation.ts';
import type { SignerCheck } from '../../auth/signers.ts';
import { serviceAccountColumns } from '../../table/columns/others.ts';
import type { Strategy } from '../strategy.ts';
import { admissionStrategies } from './admission/strategies.ts';
import { cronJobStrategy } from './batch/cron-job.ts';
import { jobStrategy } from './batch/job.ts';
import { certificateSigningRequestStrategy } from './certificate-signing-request.ts';
import { componentStatusStrategy } from './component-status.ts';
import { configMapStrategy } from './config-map.ts';
import { endpointSliceStrategy } from './endpoint-slice.ts';
import { endpointsStrategy } from './endpoints.ts';
import { eventStrategy } from './event.ts';
import { leaseStrategy } from './lease.ts';
import { namespaceStrategy } from './namespace.ts';
import { networkingStrategies } from './networking/strategies.ts';
import { nodeStrategy } from './node.ts';
import { podStrategy } from './pod/pod.ts';
import { limitRangeStrategy } from './quota/limit-range.ts';
import { resourceQuotaStrategy } from './quota/resource-quota.ts';
import { rbacStrategies } from './rbac/strategies.ts';
import { schedulingStrategies } from './scheduling/strategies.ts';
import { secretStrategy } from './secret.ts';
import type { FollowServices } from './service/allocate.ts';
import { serviceStrategy } from './service/service.ts';
import { serviceCidrStrategy } from './service-cidr.ts';
import { storageStrategies } from './storage/strategies.ts';
import { validateMetadata } from './validation/metadata.ts';
import { controllerRevisionStrategy } from './workload/controller-revision.ts';
import { daemonSetStrategy } from './workload/daemon-set.ts';
import { deploymentStrategy } from './workload/deployment.ts';
import { podDisruptionBudgetStrategy } from './workload/pod-disruption-budget.ts';
import { podTemplateStrategy } from './workload/pod-template.ts';
import { replicaSetStrategy } from './workload/replica-set.ts';
import { replicationControllerStrategy } from './workload/replication-controller.ts';
import { statefulSetStrategy } from './workload/stateful-set.ts';

export interface KindOptions {
  /** One CIDR a family, the first is the primary: `10.96.0.0/12`. */
  serviceCidrs: readonly string[];
  /** `30000-32767`. */
  serviceNodePortRange: string;
  /** Given where other apiservers give away addresses and ports too. */
  followServices?: FollowServices | undefined;
  /** Who may give which rights. */
  escalation?: EscalationCheck;
  /** What nodes may write. */
  restriction?: NodeRestriction;
  /** Looks at who approves and signs certificates. */
  signers?: SignerCheck;
}

const serviceAccountStrategy: Strategy<ServiceAccount> = {
  resource: resources.serviceaccounts,
  columns: serviceAccountColumns,
};

/**
 * The rules of every kind of the scheme, those without any of their own included: `metadata` is checked
 * for all. What is allocated belongs to the returned strategies; make them once for a storage.
 */
export function createStrategies({
  serviceCidrs,
  serviceNodePortRange,
  followServices,
  escalation,
  restriction,
  signers,
}: KindOptions): Strategy[] {
  const own: Strategy[] = [
    ...rbacStrategies(escalation),
    ...admissionStrategies,
    ...networkingStrategies,
    ...schedulingStrategies,
    ...storageStrategies,
    componentStatusStrategy,
    limitRangeStrategy,
    podTemplateStrategy,
    replicationControllerStrategy,
    resourceQuotaStrategy,
    certificateSigningRequestStrategy(signers),
    configMapStrategy,
    controllerRevisionStrategy,
    cronJobStrategy,
    customResourceDefinitionStrategy,
    daemonSetStrategy,
    deploymentStrategy,
    endpointSliceStrategy,
    endpointsStrategy,
    eventStrategy,
    jobStrategy,
    leaseStrategy,
    namespaceStrategy,
    nodeStrategy,
    podDisruptionBudgetStrategy,
    podStrategy,
    replicaSetStrategy,
    secretStrategy,
    serviceAccountStrategy,
    serviceCidrStrategy,
    statefulSetStrategy,
    serviceStrategy({ cidrs: serviceCidrs, nodePortRange: serviceNodePortRange, follow: followServices }),
  ];
  const byResource = new Map<Resource, Strategy>(own.map((strategy) => [strategy.resource, strategy]));
  return allResources.map((resource) => withMetadata(byResource.get(resource) ?? { resource }, restriction));
}

function withMetadata(strategy: Strategy, restriction: NodeRestriction | undefined): Strategy {
  return {
    ...strategy,
    validate(object: KubeObject, old, context) {
      restriction?.write(strategy.resource, object, old, context.user);
      return [
        ...validateMetadata(strategy.resource, object, old),
        ...(strategy.validate?.(object, old, context) ?? []),
      ];
    },
  };
}
