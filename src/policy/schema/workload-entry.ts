/** Istio's WorkloadEntry (istio.io/api networking/v1/workload_entry.proto). */
import * as z from 'zod';

export const workloadEntrySpec = z.strictObject({
  address: z.string().describe('IP address of the workload.'),
  labels: z.record(z.string(), z.string()).nullish().describe('Labels that selectors look at.'),
  serviceAccount: z.string().nullish().describe('Service account that the workload runs as, without its namespace.'),
  ports: z.record(z.string(), z.int()).nullish().describe('Ignored.'),
  network: z.string().nullish().describe('Ignored.'),
  locality: z.string().nullish().describe('Ignored.'),
  weight: z.int().nullish().describe('Ignored.'),
});
