import type { KubeObject } from '../../../api/object.ts';
import type { Resource } from '../../../api/scheme.ts';
import type {
  CertificateSigningRequest,
  CoreEvent,
  CustomResourceDefinition,
  EventsEvent,
  HorizontalPodAutoscaler,
  Ingress,
  V2HorizontalPodAutoscaler,
  V2MetricSpec,
} from '../../../api/types.ts';
import {
  definitionOfOld,
  type OldDefinition,
  oldDefinition,
} from '../../apiextensions/definition/v1beta1.ts';
import { decode } from '../../schema/decode.ts';
import type { CustomRules } from '../strategy.ts';
import { oldRequest, requestOfOld } from './certificate-v1beta1.ts';
import { olderSlices } from './endpoint-slice-beta.ts';
import { ingressOfOld, type OldIngress, oldIngress } from './networking/ingress-v1beta1.ts';

/** Where version 1 keeps the metrics that it has no field for. Upstream: `pkg/apis/autoscaling` `MetricSpecsAnnotation`. */
const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics';
const behaviorAnnotation = 'autoscaling.alpha.kubernetes.io/behavior';

/** Never: what is built in stays. */
const ended = new AbortController().signal;

/**
 * How a group version is read and shown whose fields are others than those of the stored one; undefined where they are
 * the same. Loaded when somebody asks for one. Upstream: `pkg/apis/GROUP/VERSION/conversion.go`.
 */
export function versionRules({ group, version, name }: Resource): CustomRules | undefined {
  return rules[`${group}/${version}/${name}`];
}

function convert<Served extends KubeObject, Stored extends KubeObject>(
  type: string,
  toStored: (object: Served) => Stored,
  toServed: (object: Stored) => KubeObject,
): CustomRules {
  return {
    type,
    decode(value, mode, duplicates) {
      const { object, ...rest } = decode(type, value, mode, duplicates);
      return { ...rest, object: toStored(object as Served) };
    },
    present: (object) => toServed(object as Stored),
    ended,
  };
}

const events = (version: string) =>
  convert<EventsEvent, CoreEvent>(
    'EventsEvent',
    ({ note, regarding, reportingController, ...event }) => {
      const { deprecatedCount, deprecatedFirstTimestamp, deprecatedLastTimestamp, ...rest } = event;
      const { deprecatedSource, ...kept } = rest;
      return {
        ...kept,
        metadata: kept.metadata ?? {},
        involvedObject: regarding ?? {},
        ...defined({ message: note, reportingComponent: reportingController, count: deprecatedCount }),
        ...defined({ firstTimestamp: deprecatedFirstTimestamp, lastTimestamp: deprecatedLastTimestamp }),
        ...defined({ source: deprecatedSource }),
      };
    },
    ({ message, involvedObject, reportingComponent, source, ...event }) => {
      const { count, firstTimestamp, lastTimestamp, ...kept } = event;
      const served = {
        ...kept,
        apiVersion: `events.k8s.io/${version}`,
        eventTime: event.eventTime ?? null,
        regarding: involvedObject,
        ...defined({ note: message, reportingController: reportingComponent, deprecatedSource: source }),
        ...defined({ deprecatedFirstTimestamp: firstTimestamp, deprecatedLastTimestamp: lastTimestamp }),
        ...defined({ deprecatedCount: count }),
      };
      return served;
    },
  );

const ingresses = (apiVersion: string) =>
  convert<OldIngress, Ingress>('V1beta1Ingress', ingressOfOld, oldIngress(apiVersion));

const isCpuShare = ({ type, resource }: V2MetricSpec) =>
  type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;

const rules: Readonly<Record<string, CustomRules | undefined>> = {
  'discovery.k8s.io/v1beta1/endpointslices': olderSlices,
  'apiextensions.k8s.io/v1beta1/customresourcedefinitions': convert<OldDefinition, CustomResourceDefinition>(
    'V1beta1CustomResourceDefinition',
    definitionOfOld,
    oldDefinition,
  ),
  'certificates.k8s.io/v1beta1/certificatesigningrequests': convert<
    CertificateSigningRequest,
    CertificateSigningRequest
  >('CertificateSigningRequest', requestOfOld, oldRequest),
  'networking.k8s.io/v1beta1/ingresses': ingresses('networking.k8s.io/v1beta1'),
  'extensions/v1beta1/ingresses': ingresses('extensions/v1beta1'),
  'events.k8s.io/v1/events': events('v1'),
  'events.k8s.io/v1beta1/events': events('v1beta1'),
  'autoscaling/v1/horizontalpodautoscalers': convert<HorizontalPodAutoscaler, V2HorizontalPodAutoscaler>(
    'HorizontalPodAutoscaler',
    ({ spec, status, metadata, ...object }) => {
      const { targetCPUUtilizationPercentage: share, ...rest } = spec ?? {
        maxReplicas: 0,
        scaleTargetRef: { kind: '', name: '' },
      };
      const {
        [metricsAnnotation]: others,
        [behaviorAnnotation]: behavior,
        ...notes
      } = metadata?.annotations ?? {};
      const target = { type: 'Utilization', averageUtilization: share ?? 0 };
      const metrics = [
        ...((others ? JSON.parse(others) : []) as V2MetricSpec[]),
        ...(share === undefined ? [] : [{ type: 'Resource', resource: { name: 'cpu', target } }]),
      ];
      const { currentCPUUtilizationPercentage: _, ...counts } = status ?? {
        currentReplicas: 0,
        desiredReplicas: 0,
      };
      return {
        ...object,
        metadata: { ...metadata, ...(metadata?.annotations ? { annotations: notes } : {}) },
        spec: {
          ...rest,
          ...(metrics.length > 0 ? { metrics } : {}),
          ...(behavior ? { behavior: JSON.parse(behavior) as object } : {}),
        },
        ...(status ? { status: counts } : {}),
      };
    },
    ({ spec, status, metadata, ...object }) => {
      const { metrics = [], behavior, ...rest } = spec;
      const cpu = metrics.find(isCpuShare);
      const others = metrics.filter((metric) => metric !== cpu);
      const { observedGeneration, lastScaleTime, currentReplicas = 0, desiredReplicas = 0 } = status ?? {};
      const annotations = {
        ...metadata?.annotations,
        ...(others.length > 0 ? { [metricsAnnotation]: JSON.stringify(others) } : {}),
        ...(behavior ? { [behaviorAnnotation]: JSON.stringify(behavior) } : {}),
      };
      const served = {
        ...object,
        apiVersion: 'autoscaling/v1',
        metadata: { ...metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
        spec: {
          ...rest,
          ...defined({ targetCPUUtilizationPercentage: cpu?.resource?.target.averageUtilization }),
        },
        status: { currentReplicas, desiredReplicas, ...defined({ observedGeneration, lastScaleTime }) },
      };
      return served;
    },
  ),
};

/** Without the fields that are undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
