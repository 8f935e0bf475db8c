/** `admin`: where the admin server is, who may ask it, and what it keeps to tell of. */
import * as z from 'zod';
import { isLoopbackHost, parseTcpAddress } from './address.ts';
import { adminAddress, filePath, optionalFilePath, sanPattern } from './values.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

const tls = z
  .strictObject({
    certFile: filePath.describe('PEM certificate chain of the admin server; read again when it changes.'),
    keyFile: filePath.describe('PEM private key.'),
    clientCaFile: optionalFilePath.describe(
      'PEM certificates; clients must present a certificate that one of these signed.',
    ),
    allowedClients: z
      .array(sanPattern)
      .max(1024)
      .default([])
      .describe('SAN patterns of clients that may ask; empty: every verified client, which may be the whole mesh.'),
  })
  .superRefine(({ allowedClients, clientCaFile }, context) => {
    if (allowedClients.length === 0 || clientCaFile !== null) return;
    context.addIssue({
      code: 'custom',
      path: ['allowedClients'],
      message: 'needs `admin.tls.clientCaFile`: without it no client proves who it is',
      params: { code: 'allowed-clients-without-ca', hint: 'set `admin.tls.clientCaFile`' },
    });
  })
  .optional()
  .transform((value) => value ?? null)
  .describe('TLS of the admin server; absent: plain HTTP.');

const recent = z
  .strictObject({
    maxEntries: z
      .int()
      .min(0)
      .max(100_000)
      .default(500)
      .describe('Denials that each process keeps for the admin API, and a quarter as many allowed requests; 0: none.'),
    maxBytes: z
      .int()
      .min(64 * KIB)
      .max(1024 * MIB)
      .default(8 * MIB)
      .describe(
        'Memory in each process for the requests of those, in bytes: what explains them. It is never told, and dropped after 15 minutes.',
      ),
  })
  .prefault({});

export const admin = z
  .strictObject({
    address: adminAddress
      .prefault('127.0.0.1:9192')
      .describe('The admin server; beyond loopback only with a token or client certificates. Empty: none.'),
    tokenFile: optionalFilePath.describe(
      'File of tokens, one a line, each of at least 32 characters; whoever asks has to send one of them. Read again when it changes.',
    ),
    tls,
    allowHttp: z
      .boolean()
      .default(false)
      .describe('Take tokens beyond loopback without TLS, where something else encrypts.'),
    actions: z
      .boolean()
      .default(false)
      .describe('Let the admin API reload policies and change the level of the log; otherwise it only tells.'),
    recent,
  })
  .superRefine(({ address, tokenFile, tls: secured, allowHttp }, context) => {
    const host = address === null ? null : parseTcpAddress(address)?.host;
    if (host == null || isLoopbackHost(host)) return;
    const refuse = (message: string, code: string, hint: string): void => {
      context.addIssue({ code: 'custom', path: ['address'], message, params: { code, hint } });
    };
    if (tokenFile === null && (secured?.clientCaFile ?? null) === null) {
      refuse(
        'is no loopback address, and the admin server asks nobody who they are',
        'admin-not-loopback',
        'set `admin.tokenFile` or `admin.tls.clientCaFile`, or use a host in 127.0.0.0/8 or `[::1]`; for probes and Prometheus set `health`',
      );
    } else if (secured === null && !allowHttp) {
      refuse(
        'is no loopback address, and tokens would come without TLS',
        'secret-over-http',
        'set `admin.tls`, or `admin.allowHttp` where something else encrypts',
      );
    }
  })
  .prefault({});
