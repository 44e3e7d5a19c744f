// Holds dashboards against the types of one Grafana: node types.mjs 13 FILE... prints "FILE:LINE: what is wrong".
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = path.dirname(fileURLToPath(import.meta.url));
const [version, ...files] = process.argv.slice(2);
const schema = path.join(here, 'node_modules', `grafana-schema-${version}`, 'dist');
const index = ['types/index.d.ts', 'esm/index.d.mts'].map((name) => path.join(schema, name)).find(fs.existsSync);

const options = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  paths: {
    '@grafana/schema': [index],
    'panels/*': [path.join(schema, 'esm/raw/composable/*')],
    shape: [path.join(here, 'shape.ts')],
  },
};

// Each file is read as the value of a variable, begun on its own first line: lines are those of the file.
const sources = new Map(
  files.map((file) => [
    path.resolve(file) + '.ts',
    `import type { Dashboard } from 'shape'; export const dashboard: Dashboard = ${fs.readFileSync(file, 'utf8')}`,
  ]),
);
const host = ts.createCompilerHost(options);
const { fileExists, readFile, getSourceFile } = host;
host.fileExists = (name) => sources.has(name) || fileExists(name);
host.readFile = (name) => sources.get(name) ?? readFile(name);
host.getSourceFile = (name, language, ...rest) =>
  sources.has(name)
    ? ts.createSourceFile(name, sources.get(name), language)
    : getSourceFile.call(host, name, language, ...rest);

for (const found of ts.getPreEmitDiagnostics(ts.createProgram([...sources.keys()], options, host))) {
  const text = ts.flattenDiagnosticMessageText(found.messageText, ' ');
  if (found.file) {
    const { line } = found.file.getLineAndCharacterOfPosition(found.start);
    console.log(`${found.file.fileName.replace(/\.json\.ts$/, '.json')}:${line + 1}: ${text}`);
  } else {
    console.log(text);
  }
}
