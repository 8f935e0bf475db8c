/** What the pods of deploy/ promise, held to what they configure. */
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parseAllDocuments } from 'yaml';

import { usableWorkers } from '../../src/serving/cores.ts';
import { recommendedFilter } from '../e2e/support/recommended-config.ts';
import { textOf, yamlOf } from './support.ts';

type Json = Readonly<Record<string, unknown>>;

interface Container {
  readonly name: string;
  readonly image: string;
  readonly restartPolicy?: string;
  readonly securityContext: Json;
  readonly resources: { readonly limits?: { readonly cpu?: string; readonly memory?: string } };
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Json;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}

interface Values {
  readonly resources: { readonly limits: { readonly cpu: string; readonly memory: string } };
  readonly [key: string]: unknown;
}

const KUBERNETES = 'deploy/kubernetes';
const CHART = 'deploy/helm/portcullis';

function podOf(file: string): PodSpec {
  const documents = parseAllDocuments(textOf(file)).map((document) => document.toJS() as Json);
  const deployment = documents.find(({ kind }) => kind === 'Deployment') as unknown as {
    readonly spec: { readonly template: { readonly spec: PodSpec } };
  };
  return deployment.spec.template.spec;
}

const POD_FILES = [`${KUBERNETES}/base/workload.yaml`, `${KUBERNETES}/overlays/sidecar/orders.yaml`];
const drainSecondsOf = (file: string): number => (yamlOf(file) as { readonly drainSeconds: number }).drainSeconds;

/** Workers that a service would start within these limits, on a machine with more than enough. */
function workersWithin(limits: { readonly cpu?: string; readonly memory?: string }): number {
  const bytes = /^(\d+)(Mi|Gi)$/.exec(limits.memory ?? '');
  expect(bytes).not.toBeNull();
  const [, number, unit] = bytes!;
  return usableWorkers({
    affinity: () => 64,
    memory: () => Number(number) * 1024 ** (unit === 'Gi' ? 3 : 2),
    read: (path) =>
      path === '/proc/self/cgroup'
        ? '0::/'
        : path === '/sys/fs/cgroup/cpu.max'
          ? `${Number(limits.cpu) * 100_000} 100000\n`
          : null,
  });
}

describe.each(POD_FILES)('%s', (file) => {
  const pod = podOf(file);
  const all = [...(pod.initContainers ?? []), ...pod.containers];

  it('fits the restricted Pod Security Standard', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    for (const { securityContext } of all) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  it('is the user of the image', () => {
    const user = /^USER (\d+):(\d+)$/m.exec(textOf('deploy/docker/Dockerfile'));
    expect(pod.securityContext).toMatchObject({ runAsUser: Number(user?.[1]), runAsGroup: Number(user?.[2]) });
  });
});

describe('stopping', () => {
  const sleepOf = ({ lifecycle }: Container): number => lifecycle?.preStop.sleep.seconds ?? 0;

  it('has the time for the sleep before SIGTERM and the drain', () => {
    const { terminationGracePeriodSeconds, containers } = podOf(POD_FILES[0]!);
    const needed = sleepOf(containers[0]!) + drainSecondsOf(`${KUBERNETES}/base/portcullis.yaml`);
    expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needed + 10);
  });

  it('has the time for Envoy and Portcullis, one after the other, in one pod', () => {
    const { terminationGracePeriodSeconds, initContainers = [] } = podOf(POD_FILES[1]!);
    const sleeps = initContainers.map(sleepOf).reduce((total, each) => total + each, 0);
    const needed = sleeps + drainSecondsOf(`${KUBERNETES}/overlays/sidecar/portcullis.yaml`);
    expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needed + 10);
    // The kubelet ends sidecars in the reverse order: who asks goes before who answers.
    expect(initContainers.map(({ name }) => name)).toEqual(['portcullis', 'envoy']);
    expect(initContainers.map(({ restartPolicy }) => restartPolicy)).toEqual(['Always', 'Always']);
  });

  it('drains as long with mutual TLS as without', () => {
    const base = drainSecondsOf(`${KUBERNETES}/base/portcullis.yaml`);
    for (const component of ['mtls-cert-manager', 'mtls-spire']) {
      expect(drainSecondsOf(`${KUBERNETES}/components/${component}/portcullis.yaml`)).toBe(base);
    }
  });
});

describe('resources', () => {
  it('give two workers, and room for both, in the base and in the chart', () => {
    const [portcullis] = podOf(POD_FILES[0]!).containers;
    expect(workersWithin(portcullis!.resources.limits!)).toBe(2);
    expect(workersWithin((yamlOf(`${CHART}/values.yaml`) as Values).resources.limits)).toBe(2);
  });

  it('give one process beside a service', () => {
    const [portcullis] = podOf(POD_FILES[1]!).initContainers!;
    expect(workersWithin(portcullis!.resources.limits!)).toBe(1);
  });
});

describe('the Envoy of a pod with sidecars', () => {
  it('asks as deploy/envoy/envoy.yaml does', () => {
    const sidecar = parseAllDocuments(textOf(`${KUBERNETES}/overlays/sidecar/envoy.yaml`))[0]!.toJS() as {
      static_resources: {
        listeners: [
          {
            filter_chains: [{ filters: [{ typed_config: { http_filters: { name: string; typed_config: Json }[] } }] }];
          },
        ];
      };
    };
    const filters = sidecar.static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters;
    expect(filters.map(({ name }) => name)).toEqual(['envoy.filters.http.ext_authz', 'envoy.filters.http.router']);
    expect(filters[0]!.typed_config).toEqual(recommendedFilter('envoy.filters.http.ext_authz'));
  });

  it('asks where Portcullis listens', () => {
    const { listen } = yamlOf(`${KUBERNETES}/overlays/sidecar/portcullis.yaml`) as { readonly listen: string };
    const path = listen.replace(/^unix:/, '');
    expect(textOf(`${KUBERNETES}/overlays/sidecar/envoy.yaml`)).toContain(`pipe: { path: ${path} }`);
  });
});

describe('versions', () => {
  const { version } = JSON.parse(textOf('package.json')) as { readonly version: string };

  it('are one: of the package, the chart, the image and the manifests', () => {
    const chart = yamlOf(`${CHART}/Chart.yaml`) as { readonly version: string; readonly appVersion: string };
    expect([chart.version, chart.appVersion]).toEqual([version, version]);
    expect(textOf('deploy/docker/Dockerfile')).toContain(`\nARG VERSION=${version}\n`);
    for (const place of ['base', 'overlays/sidecar']) {
      const { images } = yamlOf(`${KUBERNETES}/${place}/kustomization.yaml`) as { readonly images: unknown };
      expect(images).toEqual([{ name: 'portcullis', newTag: version }]);
    }
  });

  it('of Node in the image is the one that the tests run on', () => {
    const { devDependencies } = JSON.parse(textOf('package.json')) as {
      readonly devDependencies: { readonly node: string };
    };
    expect(textOf('deploy/docker/Dockerfile')).toContain(
      `ARG BUILD_IMAGE=docker.io/library/node:${devDependencies.node}-`,
    );
  });
});

describe('values.schema.json', () => {
  const validate = new Ajv({ strict: false }).compile(JSON.parse(textOf(`${CHART}/values.schema.json`)) as Json);
  const values = yamlOf(`${CHART}/values.yaml`) as Values;

  it('takes the values that there are', () => {
    expect(validate(values)).toBe(true);
  });

  it.each([
    ['a kind that the chart does not make', { kind: 'StatefulSet' }],
    ['a misspelt value', { replica: 3 }],
    ['a setting that the chart makes itself', { config: { listen: '0.0.0.0:9191' } }],
    ['a Secret without a name', { tls: { source: 'secret', secretName: '' } }],
    ['clients that nobody asks for a certificate', { tls: { source: 'none', allowedClients: ['spiffe://a/*'] } }],
    ['a policy file that would not be read', { policies: { files: { 'shop.txt': '' } } }],
    ['a digest that is none', { image: { digest: 'sha256:1' } }],
    ['a port below 1024', { ports: { grpc: 443 } }],
    ['a NetworkPolicy that lets nobody ask', { networkPolicy: { envoys: [] } }],
  ])('refuses %s', (_, wrong) => {
    expect(validate({ ...values, ...wrong })).toBe(false);
  });
});
