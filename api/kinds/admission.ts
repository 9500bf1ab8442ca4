import type {
  APIService,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../types.ts';
import { row } from './row.ts';

const group = 'admissionregistration.k8s.io';
const categories = ['api-extensions'];

/** Kinds that say how the API itself is to be extended. */
export const admissionKinds = {
  mutatingwebhookconfigurations: row<MutatingWebhookConfiguration>({
    group,
    name: 'mutatingwebhookconfigurations',
    kind: 'MutatingWebhookConfiguration',
    namespaced: false,
    categories,
  }),
  validatingadmissionpolicies: row<ValidatingAdmissionPolicy>({
    group,
    name: 'validatingadmissionpolicies',
    kind: 'ValidatingAdmissionPolicy',
    namespaced: false,
    categories,
    status: true,
  }),
  validatingadmissionpolicybindings: row<ValidatingAdmissionPolicyBinding>({
    group,
    name: 'validatingadmissionpolicybindings',
    kind: 'ValidatingAdmissionPolicyBinding',
    namespaced: false,
    categories,
  }),
  validatingwebhookconfigurations: row<ValidatingWebhookConfiguration>({
    group,
    name: 'validatingwebhookconfigurations',
    kind: 'ValidatingWebhookConfiguration',
    namespaced: false,
    categories,
  }),
  apiservices: row<APIService>({
    group: 'apiregistration.k8s.io',
    name: 'apiservices',
    kind: 'APIService',
    namespaced: false,
    categories,
    status: true,
  }),
};
