/**
 * Whether manifests are what Kubernetes and the kinds that others define take. Strictly: a field that a schema does not name is an
 * error, where an API server would drop it in silence. Rules in CEL (`x-kubernetes-validations`) are not evaluated.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parseAllDocuments } from 'yaml';
import { deployChecks } from '../install-deploy-checks.mjs';
import { goModule } from '../lib/go-module.mjs';
import { BootstrapError } from '../lib/run.mjs';

/**
 * Modules that hold CustomResourceDefinitions, and the file or folder in them.
 *
 * @type {readonly { module: string, path: string }[]}
 */
const DEFINITIONS = [
  { module: 'istio.io/api@v1.31.4', path: 'kubernetes/customresourcedefinitions.gen.yaml' },
  { module: 'sigs.k8s.io/gateway-api@v1.4.0', path: 'config/crd/standard' },
  { module: 'github.com/cert-manager/cert-manager@v1.18.2', path: 'deploy/crds' },
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.75.2',
    path: 'example/prometheus-operator-crd',
  },
];

/**
 * @typedef {{ [key: string]: unknown }} Json
 * @typedef {Json & { apiVersion: string, kind: string, metadata?: { name?: string } }} Manifest
 */

/** @typedef {(manifest: Manifest) => string[]} Check problems of one manifest */

/**
 * A check for each version of Kubernetes that is held to, with the kinds of others in it.
 *
 * @returns {Promise<{ version: string, check: Check }[]>}
 */
export async function manifestChecks() {
  const { kubernetes } = await deployChecks();
  const others = await customKinds();
  return kubernetes.map(({ version, definitions }) => {
    const own = kindsOf(definitions);
    /** @type {Check} */
    const check = (manifest) => {
      const { apiVersion, kind } = manifest;
      const validate = own(apiVersion, kind) ?? others.get(`${apiVersion} ${kind}`);
      if (validate === undefined) return [`no schema of ${apiVersion} ${kind}`];
      return validate(manifest);
    };
    return { version, check };
  });
}

/**
 * @param {string} text of YAML documents
 * @returns {Manifest[]}
 */
export function manifestsIn(text) {
  /** @type {Manifest[]} */
  const manifests = [];
  for (const document of parseAllDocuments(text)) {
    if (document.errors.length > 0) throw new BootstrapError(document.errors.map(String).join('\n'));
    /** @type {Manifest | null} */
    const manifest = document.toJS();
    if (manifest !== null) manifests.push(manifest);
  }
  return manifests;
}

/**
 * @param {Check} check
 * @param {readonly Manifest[]} manifests
 * @returns {string[]} with the kind and name in front
 */
export function problemsOf(check, manifests) {
  return manifests.flatMap((manifest) =>
    check(manifest).map((problem) => `${manifest.kind}/${manifest.metadata?.name ?? '?'}: ${problem}`),
  );
}

const settings = { strict: false, allErrors: true, validateFormats: false };

/**
 * @param {string} file with all definitions of one version of Kubernetes
 * @returns {(apiVersion: string, kind: string) => Check | undefined}
 */
function kindsOf(file) {
  const all = /** @type {{ $id: string, $defs: Record<string, Json> }} */ (JSON.parse(readFileSync(file, 'utf8')));
  closeObjects(all);
  const ajv = new Ajv2020(settings);
  ajv.addSchema(all);
  /** @type {Map<string, string>} */
  const names = new Map();
  for (const [name, definition] of Object.entries(all.$defs)) {
    const kinds = /** @type {{ group: string, version: string, kind: string }[] | undefined} */ (
      definition['x-kubernetes-group-version-kind']
    );
    for (const { group, version, kind } of kinds ?? []) {
      names.set(`${group === '' ? '' : `${group}/`}${version} ${kind}`, name);
    }
  }
  return (apiVersion, kind) => {
    const name = names.get(`${apiVersion} ${kind}`);
    return name === undefined ? undefined : checkWith(ajv, { $ref: `${all.$id}#/$defs/${name}` });
  };
}

/** @returns {Promise<Map<string, Check>>} by `apiVersion kind` */
async function customKinds() {
  const ajv = new Ajv2020(settings);
  /** @type {Map<string, Check>} */
  const kinds = new Map();
  for (const { module, path } of DEFINITIONS) {
    const place = join(await goModule(module), path);
    for (const text of place.endsWith('.yaml') ? [readFileSync(place, 'utf8')] : yamlFilesIn(place)) {
      for (const manifest of manifestsIn(text)) {
        if (manifest.kind !== 'CustomResourceDefinition') continue;
        const spec = /** @type {CustomResourceSpec} */ (manifest['spec']);
        for (const { name, schema } of spec.versions) {
          const open = schema.openAPIV3Schema;
          closeObjects(open);
          // The root and `metadata` are Kubernetes' own.
          open.properties = { apiVersion: {}, kind: {}, ...open.properties, metadata: { type: 'object' } };
          kinds.set(`${spec.group}/${name} ${spec.names.kind}`, checkWith(ajv, open));
        }
      }
    }
  }
  return kinds;
}

/**
 * @typedef {object} CustomResourceSpec
 * @property {string} group
 * @property {{ kind: string }} names
 * @property {{ name: string, schema: { openAPIV3Schema: Json & { properties?: Json } } }[]} versions
 */

/** @param {string} folder */
function yamlFilesIn(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

/**
 * @param {Ajv2020} ajv
 * @param {Json} schema
 * @returns {Check}
 */
function checkWith(ajv, schema) {
  return (manifest) => {
    if (ajv.validate(schema, manifest)) return [];
    return (ajv.errors ?? []).map(({ instancePath, message, params }) => {
      const { additionalProperty } = /** @type {{ additionalProperty?: string }} */ (params);
      return `${instancePath || '/'} ${message ?? 'is not valid'}${additionalProperty === undefined ? '' : `: ${additionalProperty}`}`;
    });
  };
}

/**
 * Makes objects take only the fields that their schema names.
 *
 * @param {unknown} schema
 */
function closeObjects(schema) {
  if (Array.isArray(schema)) {
    for (const each of schema) closeObjects(each);
    return;
  }
  if (typeof schema !== 'object' || schema === null) return;
  const node = /** @type {Json} */ (schema);
  const hasFields = typeof node['properties'] === 'object' && node['properties'] !== null;
  const isObject = [node['type']].flat().includes('object');
  const takesAll = node['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in node;
  // `required` beside `properties` inside of oneOf and the like only narrows; the fields are named further out.
  if (hasFields && isObject && !takesAll) node['additionalProperties'] = false;
  // Patterns are Go's, where a flag in front is for all that follows.
  if (typeof node['pattern'] === 'string') node['pattern'] = node['pattern'].replace(/^\^\(\?i\)(.*)$/s, '^(?i:$1)');
  for (const each of Object.values(node)) closeObjects(each);
}
