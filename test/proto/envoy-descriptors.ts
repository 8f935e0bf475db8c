import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { FileDescriptorProtoSchema, type FileDescriptorProto } from '@bufbuild/protobuf/wkt';

/** `syntax`, the last field that protoc writes of a file. */
const SYNTAX_FIELD = 12;

/**
 * The descriptor of a .proto file that was compiled into a C++ program: protoc's generated code holds it
 * serialised, in one piece. A program that holds it for the full and for the lite runtime has it twice, the
 * same; the first is taken.
 */
export function embeddedDescriptor(program: Buffer, file: string): FileDescriptorProto {
  const start = program.indexOf(serialisedName(file));
  if (start < 0) throw new Error(`the program holds no descriptor of ${file}`);
  const reader = new BinaryReader(program.subarray(start, start + 1_000_000));
  for (let field = 0; field !== SYNTAX_FIELD;) {
    const [number, wireType] = reader.tag();
    reader.skip(wireType, number);
    field = number;
  }
  return fromBinary(FileDescriptorProtoSchema, program.subarray(start, start + reader.pos));
}

/** How a FileDescriptorProto begins: its `name` (field 1), then the tag of its `package` (field 2). */
function serialisedName(file: string): Buffer {
  return Buffer.concat([Buffer.from([0x0a, file.length]), Buffer.from(file), Buffer.from([0x12])]);
}
