/** How a list or map field is merged; upstream: the tags `patchStrategy` and `patchMergeKey` of `types.go`. */
export interface PatchMeta {
  /** `merge` and `retainKeys` as in the tag; absent means replace. */
  strategies: readonly ('merge' | 'retainKeys')[];
  /** Absent for lists of scalars. */
  mergeKey?: string;
}

/** Merge keys by model and field. */
const mergeKeys: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ObjectMeta: { ownerReferences: 'uid' },
  PodSpec: {
    containers: 'name',
    initContainers: 'name',
    ephemeralContainers: 'name',
    volumes: 'name',
    imagePullSecrets: 'name',
    hostAliases: 'ip',
    topologySpreadConstraints: 'topologyKey',
    resourceClaims: 'name',
    schedulingGates: 'name',
  },
  Container: { ports: 'containerPort', env: 'name', volumeMounts: 'mountPath', volumeDevices: 'devicePath' },
  EphemeralContainer: {
    ports: 'containerPort',
    env: 'name',
    volumeMounts: 'mountPath',
    volumeDevices: 'devicePath',
  },
  ContainerStatus: { volumeMounts: 'mountPath' },
  PodStatus: { conditions: 'type', podIPs: 'ip', hostIPs: 'ip', resourceClaimStatuses: 'name' },
  ServiceSpec: { ports: 'port' },
  ServiceStatus: { conditions: 'type' },
  ServiceAccount: { secrets: 'name' },
  NamespaceStatus: { conditions: 'type' },
  NodeStatus: { conditions: 'type', addresses: 'type' },
  DeploymentStatus: { conditions: 'type' },
  ReplicaSetStatus: { conditions: 'type' },
  StatefulSetStatus: { conditions: 'type' },
  DaemonSetStatus: { conditions: 'type' },
  ReplicationControllerStatus: { conditions: 'type' },
  JobStatus: { conditions: 'type' },
  PodDisruptionBudgetStatus: { conditions: 'type' },
  PersistentVolumeClaimStatus: { conditions: 'type' },
  ServiceCIDRStatus: { conditions: 'type' },
  CSINodeSpec: { drivers: 'name' },
  MutatingWebhookConfiguration: { webhooks: 'name' },
  ValidatingWebhookConfiguration: { webhooks: 'name' },
  MutatingWebhook: { matchConditions: 'name' },
  ValidatingWebhook: { matchConditions: 'name' },
};

/** Lists of scalars that merge as sets. */
const sets: Readonly<Record<string, readonly string[]>> = {
  ObjectMeta: ['finalizers'],
  NodeSpec: ['podCIDRs'],
};

/** Fields of which a patch may name the keys to keep (`$retainKeys`). */
const retained: Readonly<Record<string, readonly string[]>> = {
  PodSpec: ['volumes'],
  DeploymentSpec: ['strategy'],
};

/** How a strategic merge patch treats `field` of `model`. */
export function patchMeta(model: string, field: string): PatchMeta {
  const mergeKey = mergeKeys[model]?.[field];
  const merges = mergeKey !== undefined || (sets[model]?.includes(field) ?? false);
  const retains = retained[model]?.includes(field) ?? false;
  return {
    strategies: [...(merges ? (['merge'] as const) : []), ...(retains ? (['retainKeys'] as const) : [])],
    ...(mergeKey === undefined ? {} : { mergeKey }),
  };
}
