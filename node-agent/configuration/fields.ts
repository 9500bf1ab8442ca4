/** The kinds of value a field may have. */
export type Shape =
  | 'string'
  | 'number'
  | 'boolean'
  /** `30s`, `1m30s` */
  | 'duration'
  | 'strings'
  /** A map of texts. */
  | 'texts'
  | 'booleans'
  | 'any'
  | { readonly [field: string]: Shape };

const shapesOf = <S extends Shape>(shape: S, names: string): Record<string, S> =>
  Object.fromEntries(names.split(/\s+/).map((name) => [name, shape]));

/** Every field of KubeletConfiguration up to 1.33; upstream: `k8s.io/kubelet/config/v1beta1/types.go`. */
export const schema: { readonly [field: string]: Shape } = {
  ...shapesOf(
    'string',
    `apiVersion kind staticPodPath staticPodURL address tlsCertFile tlsPrivateKeyFile tlsMinVersion
     healthzBindAddress clusterDomain kubeletCgroups systemCgroups cgroupRoot cgroupDriver cpuManagerPolicy
     memoryManagerPolicy topologyManagerPolicy topologyManagerScope hairpinMode podCIDR resolvConf contentType
     containerLogMaxSize configMapAndSecretChangeDetectionStrategy reservedSystemCPUs showHiddenMetricsForVersion
     systemReservedCgroup kubeReservedCgroup volumePluginDir providerID podLogsDir containerRuntimeEndpoint
     imageServiceEndpoint imagePullCredentialsVerificationPolicy`,
  ),
  ...shapesOf(
    'number',
    `port readOnlyPort registryPullQPS registryBurst eventRecordQPS eventBurst healthzPort oomScoreAdj
     nodeLeaseDurationSeconds imageGCHighThresholdPercent imageGCLowThresholdPercent maxPods podPidsLimit
     nodeStatusMaxImages maxOpenFiles kubeAPIQPS kubeAPIBurst maxParallelImagePulls evictionMaxPodGracePeriod
     podsPerCore iptablesMasqueradeBit iptablesDropBit containerLogMaxFiles containerLogMaxWorkers
     memoryThrottlingFactor`,
  ),
  ...shapesOf(
    'boolean',
    `enableServer rotateCertificates serverTLSBootstrap enableDebuggingHandlers enableContentionProfiling
     cgroupsPerQOS singleProcessOOMKill runOnce cpuCFSQuota serializeImagePulls mergeDefaultEvictionSettings
     enableControllerAttachDetach protectKernelDefaults makeIPTablesUtilChains failSwapOn kernelMemcgNotification
     enableSystemLogHandler enableSystemLogQuery enableProfilingHandler enableDebugFlagsHandler seccompDefault
     registerNode localStorageCapacityIsolation failCgroupV1`,
  ),
  ...shapesOf(
    'duration',
    `syncFrequency fileCheckFrequency httpCheckFrequency streamingConnectionIdleTimeout nodeStatusUpdateFrequency
     nodeStatusReportFrequency imageMinimumGCAge imageMaximumGCAge volumeStatsAggPeriod cpuManagerReconcilePeriod
     draManagerReconcilePeriod runtimeRequestTimeout cpuCFSQuotaPeriod evictionPressureTransitionPeriod
     containerLogMonitorInterval shutdownGracePeriod shutdownGracePeriodCriticalPods`,
  ),
  ...shapesOf(
    'strings',
    'tlsCipherSuites clusterDNS enforceNodeAllocatable allowedUnsafeSysctls preloadedImagesVerificationAllowlist',
  ),
  ...shapesOf(
    'texts',
    `cpuManagerPolicyOptions topologyManagerPolicyOptions qosReserved evictionHard evictionSoft
     evictionSoftGracePeriod evictionMinimumReclaim systemReserved kubeReserved`,
  ),
  ...shapesOf(
    'any',
    'staticPodURLHeader logging shutdownGracePeriodByPodPriority reservedMemory registerWithTaints tracing',
  ),
  featureGates: 'booleans',
  memorySwap: { swapBehavior: 'string' },
  crashLoopBackOff: { maxContainerRestartPeriod: 'duration' },
  userNamespaces: { idsPerPod: 'number' },
  authentication: {
    x509: { clientCAFile: 'string' },
    webhook: { enabled: 'boolean', cacheTTL: 'duration' },
    anonymous: { enabled: 'boolean' },
  },
  authorization: {
    mode: 'string',
    webhook: { cacheAuthorizedTTL: 'duration', cacheUnauthorizedTTL: 'duration' },
  },
};
