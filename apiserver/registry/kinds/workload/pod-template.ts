import { resources } from '../../../../api/scheme.ts';
import type { PodTemplate } from '../../../../api/types.ts';
import { column, formatLabels, imagesOf, nameColumn, namesOf } from '../../../table/columns/common.ts';
import type { Strategy } from '../../strategy.ts';
import { validatePodSpec } from '../pod/validate-spec.ts';
import { validateLabels } from '../validation/metadata.ts';
import { setTemplateDefaults } from './template.ts';

/** Upstream: `ValidatePodTemplate`. */
export const podTemplateStrategy: Strategy<PodTemplate> = {
  resource: resources.podtemplates,
  defaults: ({ template }) => setTemplateDefaults(template),
  validate: ({ template }) => [
    ...validateLabels('template.labels', template?.metadata?.labels),
    ...validatePodSpec('template.spec', template?.spec ?? { containers: [] }),
  ],
  columns: [
    nameColumn,
    column('Containers', 'Names of its containers.', ({ template }) => namesOf(template?.spec?.containers)),
    column('Images', 'Their images.', ({ template }) => imagesOf(template?.spec?.containers)),
    column('Pod Labels', 'Labels of its pods.', ({ template }) => formatLabels(template?.metadata?.labels)),
  ],
};
