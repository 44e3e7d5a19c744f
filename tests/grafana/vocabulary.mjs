// Makes vocabulary.json: the words that the oldest and the newest Grafana both know. Run by hand in an empty folder:
//   for v in 11.6 13.2; do npm install --prefix data-$v --ignore-scripts @grafana/data@$v; done
//   node vocabulary.mjs data-* > vocabulary.json
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

// @grafana/data asks a browser for its language, and looks for a window without checking that the name is there.
const navigator = { language: 'en-US', languages: ['en-US'] };
Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
globalThis.window = undefined;

function words(folder) {
  const require = createRequire(path.resolve(folder, 'index.js'));
  const data = require('@grafana/data');
  return {
    units: data.getValueFormats().flatMap((group) => group.submenu.map((unit) => unit.value)),
    transformations: Object.values(data.DataTransformerID),
    reducers: data.fieldReducers.list().map((reducer) => reducer.id),
    matchers: data.fieldMatchers.list().map((matcher) => matcher.id),
    properties: Object.values(data.FieldConfigProperty),
  };
}

function version(folder) {
  const file = path.join(folder, 'node_modules/@grafana/data/package.json');
  return JSON.parse(fs.readFileSync(file, 'utf8')).version;
}

const folders = process.argv.slice(2);
const all = folders.map(words);
const common = Object.entries(all[0]).map(([kind, found]) => [
  kind,
  [...new Set(found)].filter((word) => all.every((one) => one[kind].includes(word))).sort(),
]);
console.log(JSON.stringify({ '@grafana/data': folders.map(version), ...Object.fromEntries(common) }, null, 2));
