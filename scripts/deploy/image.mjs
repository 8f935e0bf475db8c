/** Builds the image, starts it as Kubernetes would (no root, nothing to write to, first of its processes), and stops it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { ROOT } from '../lib/paths.mjs';
import { BootstrapError, lastLines } from '../lib/run.mjs';
import { must } from './programs.mjs';
import { standInBases } from './stand-in-base.mjs';

/** Kubernetes' `runAsUser` in deploy/. */
const USER = 65_532;
const WAIT_MS = 60_000;
/** Field 1, the service. */
const HEALTH_QUESTION = Buffer.concat([Buffer.from([0x0a, 35]), Buffer.from('envoy.service.auth.v3.Authorization')]);
/** Field 1, SERVING. */
const SERVING = Buffer.from([0x08, 0x01]);

/**
 * @typedef {object} BuiltImage
 * @property {string} rootfs where its files are
 * @property {{ Entrypoint: string[], Cmd: string[], Env: string[], User: string, WorkingDir: string }} config
 * @property {string} bases which base images were used
 */

/**
 * @param {import('../install-image-tools.mjs').ImageTools} tools
 * @param {string} folder of its own
 * @returns {Promise<BuiltImage>}
 */
export async function buildImage({ buildah, busybox }, folder) {
  const policy = join(folder, 'policy.json');
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const store = ['--root', join(folder, 'store'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
  const options = [...store, '--registries-conf', '/dev/null'];
  const build = (/** @type {readonly string[]} */ args) =>
    must(buildah, [...options, 'build', '--isolation', 'chroot', '--signature-policy', policy, ...args]);
  const bases = await standInBases(build, busybox, folder);
  await build([
    ...['-q', '-f', join(ROOT, 'deploy', 'docker', 'Dockerfile'), '-t', 'portcullis'],
    ...['--build-arg', `BUILD_IMAGE=${bases.build}`, '--build-arg', `RUNTIME_IMAGE=${bases.runtime}`, ROOT],
  ]);
  const described = await must(buildah, [...options, 'inspect', '--type', 'image', 'portcullis']);
  const container = lastLines(
    await must(buildah, [...options, 'from', '--signature-policy', policy, '--pull-never', 'portcullis']),
    1,
  );
  const rootfs = lastLines(await must(buildah, [...options, 'mount', container]), 1);
  const { OCIv1 } = /** @type {{ OCIv1: { config: BuiltImage['config'] } }} */ (
    JSON.parse(described.slice(described.indexOf('{')))
  );
  return { rootfs, config: OCIv1.config, bases: 'stand-ins made of this machine' };
}

/**
 * @param {import('../install-image-tools.mjs').ImageTools} tools
 * @param {BuiltImage} image
 * @param {string} folder of its own
 * @returns {Promise<string>} what was seen
 */
export async function runImage({ crun }, { rootfs, config }, folder) {
  if (config.User !== `${USER}:${USER}`) throw new BootstrapError(`the image runs as ${config.User}`);
  for (const shell of ['bin/sh', 'bin/busybox', 'usr/local/bin/npm']) {
    if (await exists(join(rootfs, shell))) throw new BootstrapError(`there is a /${shell} in the image`);
  }
  const [grpc, health] = [await freePort(), await freePort()];
  const bundle = join(folder, 'bundle');
  await mkdir(bundle, { recursive: true });
  const env = [...config.Env, `PORTCULLIS_LISTEN=127.0.0.1:${grpc}`, `PORTCULLIS_HEALTH=127.0.0.1:${health}`];
  await writeFile(
    join(bundle, 'config.json'),
    JSON.stringify(bundleOf(rootfs, { ...config, Env: [...env, 'PORTCULLIS_ADMIN=', 'PORTCULLIS_WORKERS=2'] })),
  );
  const id = `portcullis-check-${process.pid}`;
  const crunOptions = ['--root', join(folder, 'crun'), '--cgroup-manager', 'disabled'];
  const child = spawn(crun, [...crunOptions, 'run', '--bundle', bundle, id], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
  const ended = once(child, 'close');
  const stop = new AbortController();
  void ended.then(() => stop.abort());
  try {
    const until = (/** @type {string} */ what, /** @type {() => Promise<boolean>} */ holds) =>
      waitUntil(what, holds, stop.signal, () => output);
    const ready = async () => (await status(`http://127.0.0.1:${health}/readyz`)) === 200;
    await until('ready', ready);
    const pid = await firstProcess(crun, crunOptions, id);
    await expectConfined(pid);
    const client = new Client(`127.0.0.1:${grpc}`, credentials.createInsecure());
    const answer = await call(client, '/grpc.health.v1.Health/Check', HEALTH_QUESTION);
    if (!answer.equals(SERVING)) throw new BootstrapError(`the health check answered ${answer.toString('hex')}`);
    const denied = await call(client, '/envoy.service.auth.v3.Authorization/Check', Buffer.alloc(0));
    if (!isDenial(denied))
      throw new BootstrapError(`an empty CheckRequest was answered with ${denied.toString('hex')}`);
    client.close();

    // The first process has to take note of the end of its children itself: nothing else in the container does.
    const [worker] = await childrenOf(pid);
    if (worker === undefined) throw new BootstrapError('there are no workers');
    process.kill(worker, 'SIGKILL');
    const metrics = `http://127.0.0.1:${health}/metrics`;
    await until('one worker replaced', async () =>
      (await text(metrics)).includes('\nportcullis_workers_replaced_total 1\n'),
    );
    await until('two workers, and nothing left of the third', async () => {
      const children = await childrenOf(pid);
      return children.length === 2 && !children.includes(worker);
    });

    await must(crun, [...crunOptions, 'kill', id, 'TERM']);
    const [code] = await Promise.race([
      ended,
      sleep(WAIT_MS).then(() =>
        Promise.reject(new BootstrapError(`it does not end on SIGTERM:\n${lastLines(output)}`)),
      ),
    ]);
    if (code !== 0 || !output.includes('"msg":"stopped"')) {
      throw new BootstrapError(`it ended with ${String(code)} on SIGTERM:\n${lastLines(output)}`);
    }
    return `pid 1 as ${USER}, read-only root, no capabilities; ready, healthy, denies; a killed worker is replaced and reaped; SIGTERM drains, exit code 0`;
  } finally {
    if (child.exitCode === null) {
      await must(crun, [...crunOptions, 'delete', '--force', id]).catch(() => '');
      await ended;
    }
  }
}

/**
 * CheckResponse's field 1 is a google.rpc.Status, whose field 1 is the code; OK is 0.
 *
 * @param {Buffer} answer
 */
function isDenial(answer) {
  return answer[0] === 0x0a && answer[2] === 0x08 && answer[3] !== 0;
}

/**
 * The runtime's own form (OCI runtime specification) of what deploy/kubernetes says, on the host's network.
 *
 * @param {string} rootfs
 * @param {BuiltImage['config']} config
 */
function bundleOf(rootfs, config) {
  const bind = { type: 'bind', options: ['bind', 'ro'] };
  return {
    ociVersion: '1.0.2',
    root: { path: rootfs, readonly: true },
    process: {
      user: { uid: USER, gid: USER },
      args: [...config.Entrypoint, ...config.Cmd],
      env: config.Env,
      cwd: config.WorkingDir,
      noNewPrivileges: true,
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755'] },
      { destination: '/etc/portcullis/policies', source: join(ROOT, 'policies'), ...bind },
    ],
    linux: { namespaces: ['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type })) },
  };
}

/** @param {number} pid of the container's first process, as the host sees it */
async function expectConfined(pid) {
  const facts = await readFile(`/proc/${pid}/status`, 'utf8');
  const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
  /** @type {[string, boolean][]} */
  const wanted = [
    [`runs as ${USER}`, new RegExp(`^Uid:\t${USER}\t${USER}\t`, 'm').test(facts)],
    ['is pid 1 of its own', /^NSpid:\t\d+(?:\t\d+)*\t1$/m.test(facts)],
    ['has no capabilities', /^CapEff:\t0+$/m.test(facts)],
    ['has a read-only root', / \/ \/ ro[, ]|^\S+ \S+ \S+ \S+ \/ ro[, ]/m.test(mounts)],
  ];
  const missing = wanted.filter(([, holds]) => !holds).map(([what]) => what);
  if (missing.length > 0) throw new BootstrapError(`not so: ${missing.join(', ')}\n${facts}\n${mounts}`);
}

/**
 * @param {string} crun
 * @param {readonly string[]} options
 * @param {string} id
 */
async function firstProcess(crun, options, id) {
  const state = /** @type {{ pid: number }} */ (JSON.parse(await must(crun, [...options, 'state', id])));
  return state.pid;
}

/** @param {number} pid */
async function childrenOf(pid) {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  return lists.join(' ').split(' ').filter(Boolean).map(Number);
}

/**
 * @param {Client} client
 * @param {string} method
 * @param {Buffer} message
 * @returns {Promise<Buffer>}
 */
function call(client, method, message) {
  const same = (/** @type {Buffer} */ bytes) => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(method, same, same, message, { deadline: Date.now() + WAIT_MS }, (error, answer) => {
      if (error) reject(error);
      else resolve(answer ?? Buffer.alloc(0));
    });
  });
}

/**
 * @param {string} what
 * @param {() => Promise<boolean>} holds
 * @param {AbortSignal} ended
 * @param {() => string} output
 */
async function waitUntil(what, holds, ended, output) {
  const end = Date.now() + WAIT_MS;
  while (!(await holds())) {
    if (ended.aborted) throw new BootstrapError(`it ended before: ${what}\n${lastLines(output(), 40)}`);
    if (Date.now() > end) throw new BootstrapError(`never: ${what}\n${lastLines(output(), 40)}`);
    await sleep(100);
  }
}

/** @param {string} url @returns {Promise<number>} 0: nobody answers */
async function status(url) {
  const response = await fetch(url).catch(() => null);
  await response?.body?.cancel();
  return response?.status ?? 0;
}

/** @param {string} url */
async function text(url) {
  return (await fetch(url)).text();
}

/** @param {string} file */
async function exists(file) {
  return readFile(file).then(
    () => true,
    () => false,
  );
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
