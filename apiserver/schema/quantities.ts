/**
 * Fields that `api/schema.json` calls strings but that are quantities (`100m`, `1Gi`): the published
 * document has the same type for both. Upstream: `resource.Quantity` fields of `core/v1/types.go`.
 */
const quantities: Readonly<Record<string, readonly string[]>> = {
  ResourceRequirements: ['limits', 'requests'],
  VolumeResourceRequirements: ['limits', 'requests'],
  ContainerStatus: ['allocatedResources'],
  PodSpec: ['overhead'],
  PodStatus: ['allocatedResources'],
  Overhead: ['podFixed'],
  NodeStatus: ['allocatable', 'capacity'],
  EmptyDirVolumeSource: ['sizeLimit'],
  ResourceFieldSelector: ['divisor'],
  LimitRangeItem: ['default', 'defaultRequest', 'max', 'maxLimitRequestRatio', 'min'],
  ResourceQuotaSpec: ['hard'],
  ResourceQuotaStatus: ['hard', 'used'],
  CSIStorageCapacity: ['capacity', 'maximumVolumeSize'],
  V2MetricTarget: ['averageValue', 'value'],
  V2MetricValueStatus: ['averageValue', 'value'],
  PersistentVolumeSpec: ['capacity'],
  PersistentVolumeClaimStatus: ['allocatedResources', 'capacity'],
};

/** The field's type with `string` replaced by `Quantity` where the field is one. */
export function fieldType(model: string, field: string, type: string): string {
  return quantities[model]?.includes(field) ? type.replace('string', 'Quantity') : type;
}
