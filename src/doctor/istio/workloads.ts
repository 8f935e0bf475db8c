/** Pods that are reached past their proxy, and so past all questions. */
import type { Part } from '../part.ts';

/** Where the pod stands in objects that make some; a Pod is one itself. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

export function isWorkload(kind: string): boolean {
  return Object.hasOwn(TEMPLATES, kind);
}

export function checkWorkload(object: Part): void {
  const pod = object.in(...TEMPLATES[object.at('kind').text() ?? '']!);
  const name = object.in('metadata', 'name').text() ?? '';
  const annotations = pod.in('metadata', 'annotations');
  const excluded = annotations.at('traffic.sidecar.istio.io/excludeInboundPorts');
  const ports = excluded.text()?.trim() ?? '';
  if (ports !== '') excluded.report('ports-past-proxy', `port ${ports} of \`${name}\` is reached past its proxy`);
  const included = annotations.at('traffic.sidecar.istio.io/includeInboundPorts');
  const only = included.text()?.trim() ?? '*';
  if (only !== '*') {
    const what = only === '' ? 'no port' : `only port ${only}`;
    included.report('ports-past-proxy', `${what} of \`${name}\` is reached through its proxy`);
  }
  for (const holder of ['labels', 'annotations']) {
    const inject = pod.in('metadata', holder).at('sidecar.istio.io/inject');
    if (inject.flag() === false) inject.report('workload-without-proxy', `\`${name}\` gets no proxy`);
  }
  const host = pod.in('spec', 'hostNetwork');
  if (host.flag() === true)
    host.report('workload-without-proxy', `\`${name}\` is in the network of its node, where Istio injects no proxy`);
}
