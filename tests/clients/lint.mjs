// Checks the descriptions of a running host with the linters that people use:
//
//   node lint.mjs http://localhost:8880
//
// Redocly with its recommended rules and Spectral with `spectral:oas` read the OpenAPI document, the parser of AsyncAPI
// reads the other one. An error fails, and so does a warning that is not listed here with its reason.

import parser from '@asyncapi/parser';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import spectral from '@stoplight/spectral-core';
import rulesets from '@stoplight/spectral-rulesets';

/** What is not followed, and why. */
const NOT_FOLLOWED = {
  'no-ambiguous-paths': 'some paths of the Rustic AI API are beside one with a parameter; what is written out wins',
  'operation-4xx-response': 'a list that cannot fail in a way of its own has `default`, which describes every error',
  'asyncapi-latest-version': 'tools read 3.0, and nothing of 3.1 is used',
};

const host = process.argv[2];
const read = async (path) => (await fetch(host + path)).text();
const [openapi, asyncapi] = [await read('/openapi.json'), await read('/asyncapi.json')];
const found = [];
const count = {};
const report = (linter, rule, place, message) => {
  count[rule] = (count[rule] ?? 0) + 1;
  if (!(rule in NOT_FOLLOWED)) found.push(`${linter}: ${rule} at ${place}: ${message}`);
};

const config = await createConfig({ extends: ['recommended'] });
for (const problem of await lintFromString({ source: openapi, absoluteRef: 'openapi.json', config }))
  report('redocly', problem.ruleId, problem.location[0]?.pointer, problem.message);

const linter = new spectral.Spectral();
linter.setRuleset({ extends: [rulesets.oas] });
for (const problem of await linter.run(openapi)) report('spectral', problem.code, problem.path.join('/'), problem.message);

const { diagnostics, document } = await new parser.Parser().parse(asyncapi);
for (const problem of diagnostics) report('asyncapi', problem.code, problem.path.join('/'), problem.message);
if (!document) found.push('asyncapi: the document cannot be read');

for (const [rule, reason] of Object.entries(NOT_FOLLOWED)) {
  if (count[rule]) console.log(`not followed: ${rule} (${count[rule]} times): ${reason}`);
  else found.push(`${rule} is followed everywhere: remove it from the list`);
}
console.log(found.length ? found.join('\n') : 'ok: the descriptions have no other problems');
process.exitCode = found.length ? 1 : 0;
