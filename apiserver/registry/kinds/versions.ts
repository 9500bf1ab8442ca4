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
import { autoscalerFromV1, autoscalerToV1 } from './scheduling/autoscaler-v1.ts';

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
  >('V1beta1CertificateSigningRequest', requestOfOld, oldRequest),
  'networking.k8s.io/v1beta1/ingresses': ingresses('networking.k8s.io/v1beta1'),
  'extensions/v1beta1/ingresses': ingresses('extensions/v1beta1'),
  'events.k8s.io/v1/events': events('v1'),
  'events.k8s.io/v1beta1/events': events('v1beta1'),
  'autoscaling/v1/horizontalpodautoscalers': convert<HorizontalPodAutoscaler, V2HorizontalPodAutoscaler>(
    'HorizontalPodAutoscaler',
    autoscalerFromV1,
    autoscalerToV1,
  ),
};

/** Without the fields that are undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
