// Writes the types of src/generated from the descriptions of a running host:
//
//   node generate.mjs http://localhost:8880 [FOLDER]
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import openapiTS, { astToString } from 'openapi-typescript';

const [, , host = 'http://localhost:8880', folder = join(import.meta.dirname, 'src/generated')] = process.argv;
const read = async (path) => {
  const answer = await fetch(host + path);
  if (!answer.ok) throw new Error(`${host}${path}: ${answer.status}`);
  return answer.json();
};
const write = async (name, path, document) => {
  const text = astToString(await openapiTS(document, { alphabetize: true, defaultNonNullable: false }));
  await writeFile(join(folder, name), `// Generated from ${path} of a host by generate.mjs. Do not edit.\n\n${text}`);
};

await mkdir(folder, { recursive: true });
await write('openapi.ts', '/openapi.json', await read('/openapi.json'));
// The schemas of both descriptions have the same form.
const { info, components } = await read('/asyncapi.json');
await write('frames.ts', '/asyncapi.json', { openapi: '3.1.0', info, paths: {}, components: { schemas: components.schemas } });
