import { isFieldSet } from '@bufbuild/protobuf';
import {
  FieldDescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FileDescriptorProto,
  type ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import protobuf from 'protobufjs';

/**
 * All that the wire and the JSON form of a .proto file depend on, one line for each field, enum value and
 * method, by full name: two files with the same outline are compatible.
 */
export type Outline = ReadonlyMap<string, readonly string[]>;

/** The outline of a compiled file, by message, enum and service. */
export function outlineOfDescriptor(file: FileDescriptorProto): Outline {
  const outline = new Map<string, string[]>();
  const scope = `.${file.package}`;
  for (const message of file.messageType) addMessage(outline, message, scope);
  for (const entry of file.enumType) addEnum(outline, entry, scope);
  for (const service of file.service) addService(outline, service, scope);
  return outline;
}

function addMessage(outline: Map<string, string[]>, message: DescriptorProto, scope: string): void {
  const name = `${scope}.${message.name}`;
  const maps = new Map<string, DescriptorProto>();
  for (const nested of message.nestedType) {
    if (nested.options?.mapEntry) maps.set(`${name}.${nested.name}`, nested);
    else addMessage(outline, nested, name);
  }
  for (const nested of message.enumType) addEnum(outline, nested, name);
  outline.set(
    name,
    message.field.map((field) => {
      const entry = maps.get(field.typeName);
      const type = entry ? `map<${entry.field.map(typeName).join(', ')}>` : typeName(field);
      const repeated = !entry && field.label === FieldDescriptorProto_Label.REPEATED;
      const oneof = isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex)
        ? message.oneofDecl[field.oneofIndex]?.name
        : undefined;
      return line(field.number, field.name, type, repeated, oneof, field.options?.deprecated ?? false);
    }),
  );
}

function typeName(field: { readonly type: FieldDescriptorProto_Type; readonly typeName: string }): string {
  return field.typeName === '' ? FieldDescriptorProto_Type[field.type].toLowerCase() : field.typeName;
}

function addEnum(outline: Map<string, string[]>, entry: EnumDescriptorProto, scope: string): void {
  const values = entry.value.map((value) => `${value.name} = ${value.number}`);
  outline.set(`${scope}.${entry.name}`, values);
}

function addService(outline: Map<string, string[]>, service: ServiceDescriptorProto, scope: string): void {
  const methods = service.method.map((method) =>
    methodLine(method.name, method.inputType, method.clientStreaming, method.outputType, method.serverStreaming),
  );
  outline.set(`${scope}.${service.name}`, methods);
}

/** The outline of what a parsed file declares, `root` with all its imports being resolved. */
export function outlineOfNamespace(namespace: protobuf.NamespaceBase): Outline {
  const outline = new Map<string, string[]>();
  addNamespace(outline, namespace);
  return outline;
}

function addNamespace(outline: Map<string, string[]>, namespace: protobuf.NamespaceBase): void {
  for (const member of namespace.nestedArray) {
    if (member instanceof protobuf.Type) {
      addNamespace(outline, member);
      outline.set(member.fullName, member.fieldsArray.map(parsedField));
    } else if (member instanceof protobuf.Enum) {
      outline.set(
        member.fullName,
        Object.entries(member.values).map(([name, value]) => `${name} = ${value}`),
      );
    } else if (member instanceof protobuf.Service) {
      outline.set(member.fullName, member.methodsArray.map(parsedMethod));
    }
  }
}

function parsedField(field: protobuf.Field): string {
  const value = field.resolvedType?.fullName ?? field.type;
  const type = field instanceof protobuf.MapField ? `map<${field.keyType}, ${value}>` : value;
  const deprecated = field.options?.['deprecated'] === true;
  return line(field.id, field.name, type, field.repeated, field.partOf?.name, deprecated);
}

function parsedMethod(method: protobuf.Method): string {
  const { name, resolvedRequestType: request, resolvedResponseType: response } = method;
  return methodLine(name, request!.fullName, !!method.requestStream, response!.fullName, !!method.responseStream);
}

function line(
  number: number,
  name: string,
  type: string,
  repeated: boolean,
  oneof: string | undefined,
  deprecated: boolean,
): string {
  const label = repeated ? 'repeated ' : '';
  return `${label}${type} ${name} = ${number}${oneof ? ` in ${oneof}` : ''}${deprecated ? ' (deprecated)' : ''}`;
}

function methodLine(
  name: string,
  request: string,
  requestStream: boolean,
  response: string,
  responseStream: boolean,
): string {
  return `${name}(${requestStream ? 'stream ' : ''}${request}) returns (${responseStream ? 'stream ' : ''}${response})`;
}
