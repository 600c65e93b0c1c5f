// Packs the TypeScript client as npm would publish it, and installs the archive here: node pack.mjs SOURCES

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const copy = join(here, 'typescript');
rmSync(copy, { recursive: true, force: true });
cpSync(process.argv[2], copy, { recursive: true, filter: (path) => !/\/(node_modules|dist)$/.test(path) });
symlinkSync(join(here, 'node_modules'), join(copy, 'node_modules'));
const archive = execFileSync('npm', ['pack', '--silent'], { cwd: copy, encoding: 'utf8' }).trim().split('\n').at(-1);
// It has no dependencies, so to install it is to unpack it.
const installed = join(here, 'node_modules/@guildhall/client');
rmSync(installed, { recursive: true, force: true });
mkdirSync(installed, { recursive: true });
execFileSync('tar', ['xzf', join(copy, archive), '-C', installed, '--strip-components=1']);
console.log(`installed ${archive}`);
