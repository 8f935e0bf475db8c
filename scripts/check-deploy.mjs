/**
 * Everything in deploy/ through the programs that will read it: helm, kustomize, the schemas of Kubernetes and of the kinds of others,
 * hadolint, promtool, Envoy, and an image that is built and started. `npm run check:deploy`.
 *
 * It installs what it needs into `.tools/`. What this machine cannot do is said in the closing lines, as SKIPPED. What needs no such
 * program is tested in test/deploy/.
 */
import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parse, stringify } from 'yaml';
import { buildImage, runImage } from './deploy/image.mjs';
import { manifestChecks, manifestsIn, problemsOf } from './deploy/manifest-schemas.mjs';
import { must } from './deploy/programs.mjs';
import { Skipped, Steps } from './deploy/steps.mjs';
import { deployChecks } from './install-deploy-checks.mjs';
import { envoyPath } from './install-envoy.mjs';
import { imageTools } from './install-image-tools.mjs';
import { kubernetesTools } from './install-kubernetes-tools.mjs';
import { promtoolPath } from './install-promtool.mjs';
import { checkedConfigSchema } from '../src/config/schema.ts';
import { ROOT } from './lib/paths.mjs';
import { BootstrapError, run, runMain } from './lib/run.mjs';

const DEPLOY = join(ROOT, 'deploy');
const CHART = join(DEPLOY, 'helm', 'portcullis');

/** Kustomizations that people build: the base, overlays, and each component on what it may be added to. */
const KUSTOMIZATIONS = [
  { resources: ['base'], components: [] },
  { resources: ['overlays/daemonset'], components: [] },
  { resources: ['overlays/sidecar'], components: [] },
  { resources: ['base'], components: ['mtls-cert-manager', 'servicemonitor'] },
  { resources: ['base'], components: ['mtls-spire'] },
  { resources: ['overlays/daemonset'], components: ['mtls-spire', 'servicemonitor'] },
];

/** What Istio's own ConfigMap and chart read, which is no manifest. */
const NO_MANIFESTS = ['mesh-config.yaml', 'portcullis.yaml'];

/** @typedef {import('./deploy/manifest-schemas.mjs').Manifest} Manifest */

await runMain(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-deploy-'));
  const steps = new Steps();
  try {
    await checkManifests(steps, folder);
    await steps.run('hadolint', async () => {
      const { hadolint } = await deployChecks();
      await must(hadolint, ['--failure-threshold', 'style', join(DEPLOY, 'docker', 'Dockerfile')]);
      return 'deploy/docker/Dockerfile';
    });
    await steps.run('promtool', async () => {
      const promtool = await promtoolPath();
      const alerts = { cwd: join(DEPLOY, 'alerts') };
      const rules = await must(promtool, ['check', 'rules', 'portcullis.rules.yaml'], alerts);
      await must(promtool, ['test', 'rules', 'portcullis.test.yaml'], alerts);
      return `${/\d+ rules found/.exec(rules)?.[0] ?? rules}, and their tests pass`;
    });
    await steps.run('envoy --mode validate', () => validateEnvoy(folder));
    await steps.run('image', () => checkImage(join(folder, 'image')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (!steps.report()) process.exitCode = 1;
});

/**
 * @param {Steps} steps
 * @param {string} folder
 */
async function checkManifests(steps, folder) {
  const checks = await manifestChecks();
  const { helm, kubectl } = await kubernetesTools();
  const strictly = (/** @type {readonly Manifest[]} */ manifests) => {
    if (manifests.length === 0) throw new BootstrapError('there are no manifests');
    const problems = checks.flatMap(({ version, check }) =>
      problemsOf(check, manifests).map((problem) => `${version}: ${problem}`),
    );
    problems.push(...manifests.flatMap(configurationProblems));
    if (problems.length > 0) throw new BootstrapError(problems.join('\n'));
    return `${manifests.length} manifests fit ${checks.map(({ version }) => version).join(' and ')}`;
  };

  await steps.run('the schema check itself', () => {
    const [pod] = manifestsIn(
      '{ apiVersion: v1, kind: Pod, metadata: { name: a }, spec: { container: [], containers: [{ name: 1 }] } }',
    );
    const [policy] = manifestsIn(
      '{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, spec: { acton: DENY } }',
    );
    const found = checks.map(({ check }) => problemsOf(check, /** @type {Manifest[]} */ ([pod, policy])).length);
    if (found.some((count) => count !== 3)) throw new BootstrapError(`it finds ${found.join(' and ')} of 3 mistakes`);
    return 'finds an unknown field, a wrong type, and a misspelt field of Istio';
  });

  const render = async (/** @type {string[]} */ values) => {
    const options = values.flatMap((file) => ['-f', file]);
    await must(helm, ['lint', '--strict', '--quiet', CHART, ...options]);
    // Messages about the link to the alerts go to standard error, which is in the same text.
    const text = await must(helm, ['template', 'portcullis', CHART, '--namespace', 'portcullis-system', ...options]);
    return manifestsIn(text.replace(/^level=.*$/gm, ''));
  };
  const examples = (await readdir(join(CHART, 'ci'))).sort();
  for (const values of [[], ...examples.map((name) => [join(CHART, 'ci', name)])]) {
    await steps.run(
      `helm lint, template: ${values.map((file) => file.replace(`${CHART}/`, '')).join() || 'defaults'}`,
      async () => strictly(await render(values)),
    );
  }
  await steps.run('helm refuses wrong values', async () => {
    for (const value of ['kind=StatefulSet', 'config.listen=0.0.0.0:1', 'tls.source=secret', 'replica=3']) {
      const { code } = await run(helm, ['template', 'portcullis', CHART, '--set', value]);
      if (code === 0) throw new BootstrapError(`it takes ${value}`);
    }
    return 'by values.schema.json';
  });

  const build = async (
    /** @type {typeof KUSTOMIZATIONS[number]} */ { resources, components },
    /** @type {number} */ index,
  ) => {
    // kustomize takes no absolute paths, so the copy is a neighbour of what it names.
    const copy = join(folder, 'kubernetes');
    await cp(join(DEPLOY, 'kubernetes'), copy, { recursive: true });
    const own = join(copy, 'checked', String(index));
    await mkdir(own, { recursive: true });
    const kustomization = {
      resources: resources.map((name) => `../../${name}`),
      components: components.map((name) => `../../components/${name}`),
    };
    await writeFile(join(own, 'kustomization.yaml'), stringify(kustomization));
    return manifestsIn(await must(kubectl, ['kustomize', own]));
  };
  for (const [index, kustomization] of KUSTOMIZATIONS.entries()) {
    const { resources, components } = kustomization;
    await steps.run(`kustomize: ${[...resources, ...components].join(' + ')}`, async () =>
      strictly(await build(kustomization, index)),
    );
  }
  await steps.run('the chart and kustomize say the same of a pod', async () => {
    const policies = join(folder, 'policies.yaml');
    await writeFile(policies, stringify({ policies: { configMaps: ['portcullis-policies'] } }));
    const [chart, base] = [
      await render([policies]),
      await build(/** @type {typeof KUSTOMIZATIONS[0]} */ (KUSTOMIZATIONS[0]), 0),
    ];
    if (!isDeepStrictEqual(podOf(chart), podOf(base))) {
      throw new BootstrapError(`the chart:\n${stringify(podOf(chart))}\nkustomize:\n${stringify(podOf(base))}`);
    }
    return 'but for labels and names of ConfigMaps';
  });
  await steps.run('deploy/istio', async () => {
    const names = (await readdir(join(DEPLOY, 'istio'))).filter(
      (name) => name.endsWith('.yaml') && !NO_MANIFESTS.includes(name),
    );
    const texts = await Promise.all(names.map((name) => readFile(join(DEPLOY, 'istio', name), 'utf8')));
    return strictly(texts.flatMap(manifestsIn));
  });
  await steps.run('doctor finds nothing in deploy/', async () => {
    const istio = join(DEPLOY, 'istio');
    const inputs = [[join(DEPLOY, 'envoy')], [istio], [join(DEPLOY, 'kubernetes')]];
    // Manifests of Portcullis alone ask nobody: with those that say who does.
    for (const values of [[], ...examples.map((name) => [join(CHART, 'ci', name)])]) {
      const rendered = join(folder, `rendered-${inputs.length}.yaml`);
      await writeFile(rendered, (await render(values)).map((manifest) => stringify(manifest)).join('---\n'));
      inputs.push([rendered, istio]);
    }
    for (const input of inputs) {
      const output = await must(process.execPath, [join(ROOT, 'src', 'main.ts'), 'doctor', ...input]);
      if (!output.includes('nothing found')) throw new BootstrapError(output);
    }
    return `${inputs.length} inputs`;
  });
}

/**
 * Whether a ConfigMap holds a configuration that Portcullis would not start with.
 *
 * @param {Manifest} manifest
 * @returns {string[]}
 */
function configurationProblems(manifest) {
  const data = /** @type {Record<string, string> | undefined} */ (manifest['data']);
  const text = manifest.kind === 'ConfigMap' ? data?.['portcullis.yaml'] : undefined;
  if (text === undefined) return [];
  const result = checkedConfigSchema.safeParse(parse(text));
  return (result.error?.issues ?? []).map(({ path, message }) => `portcullis.yaml: ${path.join('.')}: ${message}`);
}

/**
 * The pod of Portcullis, without what has another name on purpose.
 *
 * @param {readonly Manifest[]} manifests
 */
function podOf(manifests) {
  const deployment = manifests.find(({ kind }) => kind === 'Deployment');
  const text = JSON.stringify(deployment?.['spec'] ?? null);
  /** @type {{ template: { spec: { topologySpreadConstraints: { labelSelector?: unknown }[] } } }} */
  const { template } = JSON.parse(
    text.replace(/"configMap":\{"name":"portcullis-[a-z0-9]{10}"\}/, '"configMap":{"name":"portcullis"}'),
  );
  const { spec } = template;
  for (const constraint of spec.topologySpreadConstraints) delete constraint.labelSelector;
  return spec;
}

/** @param {string} folder */
async function validateEnvoy(folder) {
  const envoy = await envoyPath();
  const files = join(folder, 'envoy');
  await cp(join(DEPLOY, 'envoy'), files, { recursive: true });
  await must('openssl', [
    ...[
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=check',
    ],
    ...['-keyout', join(files, 'tls.key'), '-out', join(files, 'tls.crt')],
  ]);
  await cp(join(files, 'tls.crt'), join(files, 'ca.crt'));
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  await writeFile(join(files, 'jwks.json'), JSON.stringify({ keys: [{ ...key, kid: 'check', alg: 'ES256' }] }));
  const configurations = [
    join(DEPLOY, 'envoy', 'envoy.yaml'),
    join(DEPLOY, 'kubernetes', 'overlays', 'sidecar', 'envoy.yaml'),
  ];
  for (const [index, file] of configurations.entries()) {
    const text = (await readFile(file, 'utf8'))
      .replaceAll('/etc/envoy/tls/', `${files}/`)
      .replaceAll('/etc/envoy/', `${files}/`);
    // Envoy does not take anchors and the like; JSON has none.
    const copy = join(files, `${index}.json`);
    await writeFile(copy, JSON.stringify(parse(text)));
    await must(envoy, ['--mode', 'validate', '-c', copy]);
  }
  return configurations.map((file) => file.replace(`${ROOT}/`, '')).join(', ');
}

/** @param {string} folder */
async function checkImage(folder) {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Skipped('an image is built and started here by root on Linux only (no daemon is used)');
  }
  const tools = await imageTools().catch((/** @type {unknown} */ error) => {
    throw new Skipped(`buildah and crun cannot be had: ${error instanceof Error ? error.message : String(error)}`);
  });
  await mkdir(folder);
  const image = await buildImage(tools, folder);
  const seen = await runImage(tools, image, folder);
  return `base images: ${image.bases}, since no registry is asked here; ${seen}`;
}
