import type { PartResult } from '../part.ts';

const horizontalPodAutoscalers =
  'kubectl 1.20 reads HorizontalPodAutoscalers in the version that the API prefers, and the test expects the fields of autoscaling/v1: since 1.23 that is autoscaling/v2';
const cronJobs =
  'kubectl 1.20 makes a Job from a CronJob only where the API prefers batch/v1beta1; since 1.21 that is batch/v1, of which it knows no CronJob';

/** Cases that stay as they are: the API is that of 1.33, and they are of 1.20. */
export const deviations: PartResult['deviations'] = [
  {
    what: 'run_assert_short_name_tests',
    reason: 'expects an empty singularName in discovery, which has told it since 1.27',
  },
  ...['run_save_config_tests', 'run_kubectl_get_tests', 'run_recursive_resources_tests'].map((what) => ({
    what,
    reason: horizontalPodAutoscalers,
  })),
  ...['run_rc_tests', 'run_deployment_tests', 'run_rs_tests'].map((what) => ({
    what,
    reason: horizontalPodAutoscalers,
  })),
  ...['run_job_tests', 'run_create_job_tests', 'run_template_output_tests'].map((what) => ({
    what,
    reason: cronJobs,
  })),
  {
    what: 'run_namespace_tests',
    reason:
      'waits for the end of a namespace that has ended before: kube-controller-manager begins 5 s after the deletion, this one at once',
  },
  {
    what: 'run_multi_resources_tests',
    reason: 'reads a manifest from raw.githubusercontent.com, which this run does not reach',
  },
  {
    what: 'run_cluster_management_tests',
    reason:
      'creates a Node with nothing but a status, which belongs to no field manager since 1.22 (GetResetFields), so that later ones are not counted either',
  },
];
