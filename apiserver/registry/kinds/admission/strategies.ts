import type { Strategy } from '../../strategy.ts';
import { apiServiceStrategy } from './api-service.ts';
import { validatingAdmissionPolicyBindingStrategy, validatingAdmissionPolicyStrategy } from './policies.ts';
import { mutatingWebhookStrategy, validatingWebhookStrategy } from './webhooks.ts';

export const admissionStrategies: readonly Strategy[] = [
  apiServiceStrategy,
  mutatingWebhookStrategy,
  validatingAdmissionPolicyBindingStrategy,
  validatingAdmissionPolicyStrategy,
  validatingWebhookStrategy,
];
