import { resources } from '../../../../api/scheme.ts';
import type { VolumeAttachment } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { Strategy } from '../../strategy.ts';
import { invalid, required } from '../validation/field.ts';
import { isSameValue } from '../validation/same.ts';

/** Upstream: `ValidateVolumeAttachment` in `pkg/apis/storage/validation/validation.go`. */
export const volumeAttachmentStrategy: Strategy<VolumeAttachment> = {
  resource: resources.volumeattachments,
  prepare(attachment, old) {
    attachment.status = old?.status ?? { attached: false };
  },
  validate({ spec }, old) {
    const errors = [
      ...(spec?.attacher ? [] : [required('spec.attacher')]),
      ...(spec?.nodeName ? [] : [required('spec.nodeName')]),
      ...(spec?.source?.persistentVolumeName || spec?.source?.inlineVolumeSpec
        ? []
        : [required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName')]),
    ];
    if (old && !isSameValue(spec, old.spec)) errors.push(invalid('spec', spec, 'field is immutable'));
    return errors;
  },
  columns: [
    nameColumn,
    column('Attacher', 'Who attaches it.', ({ spec }) => spec.attacher),
    column('PV', 'The volume.', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    column('Node', 'Where to.', ({ spec }) => spec.nodeName),
    column('Attached', 'Whether it is.', ({ status }) => status?.attached ?? false, 'boolean'),
    ageColumn,
  ],
};
