/** The message types of proto/, for what needs them whole: protobuf JSON. Serving never asks for them. */
import { createFileRegistry, create, fromBinary } from '@bufbuild/protobuf';
import type { DescMessage, FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { DescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { loadSync } from '@grpc/proto-loader';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';

const PROTO_DIRECTORY = fileURLToPath(new URL('../../../proto/', import.meta.url));
const ENTRY_FILE = 'envoy/service/auth/v3/external_auth.proto';
const CHECK_REQUEST = 'envoy.service.auth.v3.CheckRequest';

let registry: FileRegistry | undefined;

/** `envoy.service.auth.v3.CheckRequest`, read from proto/ when first asked for. */
export function checkRequestType(): DescMessage {
  registry ??= loadRegistry();
  const type = registry.getMessage(CHECK_REQUEST);
  if (type === undefined) throw new Error(`${PROTO_DIRECTORY} defines no ${CHECK_REQUEST}`);
  return type;
}

function loadRegistry(): FileRegistry {
  const definitions = loadSync(ENTRY_FILE, { includeDirs: [PROTO_DIRECTORY], keepCase: true });
  const { fileDescriptorProtos } = definitions[CHECK_REQUEST] as MessageTypeDefinition<object, object>;
  return createFileRegistry(create(FileDescriptorSetSchema, { file: completed(fileDescriptorProtos) }));
}

/**
 * The loader's descriptors (one file a package) as protoc would have written them: with JSON names, with
 * full type names, and each file after those that it uses.
 */
function completed(encoded: readonly Uint8Array[]): FileDescriptorProto[] {
  const files = encoded.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  const definedIn = new Map<string, FileDescriptorProto>();
  for (const file of files) for (const name of typesOf(file)) definedIn.set(name, file);
  const seen = new Set<FileDescriptorProto>();
  const ordered: FileDescriptorProto[] = [];
  const put = (file: FileDescriptorProto): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const used = new Set<FileDescriptorProto>();
    for (const message of file.messageType) complete(message, file.package, definedIn, used);
    used.forEach(put);
    ordered.push(file);
  };
  files.forEach(put);
  return ordered;
}

/** Full names of all messages and enums of a file. */
function typesOf(file: FileDescriptorProto): string[] {
  const inMessage = (message: DescriptorProto, scope: string): string[] => {
    const name = `${scope}.${message.name}`;
    const nested = message.nestedType.flatMap((each) => inMessage(each, name));
    return [name, ...nested, ...message.enumType.map((each) => `${name}.${each.name}`)];
  };
  const messages = file.messageType.flatMap((each) => inMessage(each, file.package));
  return [...messages, ...file.enumType.map((each) => `${file.package}.${each.name}`)];
}

function complete(
  message: DescriptorProto,
  scope: string,
  definedIn: ReadonlyMap<string, FileDescriptorProto>,
  used: Set<FileDescriptorProto>,
): void {
  const name = `${scope}.${message.name}`;
  for (const field of message.field) {
    // protoc's ToJsonName: the letter after an underscore in upper case, underscores dropped.
    field.jsonName = field.name.replace(/_+(.?)/g, (_match, letter: string) => letter.toUpperCase());
    if (field.typeName === '') continue;
    const type = resolveType(field.typeName, name, definedIn);
    field.typeName = `.${type}`;
    const file = definedIn.get(type);
    if (file !== undefined) used.add(file);
  }
  for (const nested of message.nestedType) complete(nested, name, definedIn, used);
}

/** descriptor.proto, FieldDescriptorProto.type_name: without a leading dot the innermost scope is searched first. */
function resolveType(name: string, from: string, definedIn: ReadonlyMap<string, unknown>): string {
  if (name.startsWith('.')) return name.slice(1);
  for (let scope = from; scope !== ''; scope = scope.slice(0, Math.max(0, scope.lastIndexOf('.')))) {
    if (definedIn.has(`${scope}.${name}`)) return `${scope}.${name}`;
  }
  return name;
}
