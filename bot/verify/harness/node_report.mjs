// A reporter for `node --test`: one line of JSON for each result, and a last line when the run ended by itself.
//
// Runs in the leading process, beside the tests' own. Node 18.15 and later. Must never change what is run.

const root = process.cwd() + '/';
const relative = (file) => (file && file.startsWith(root) ? file.slice(root.length) : file || '');
const MESSAGE = 4000;

export default async function* report(source) {
  const above = []; // titles of the suites around, by depth
  let red = 0;
  for await (const { type, data } of source) {
    if (type === 'test:start') {
      above.length = data.nesting;
      above[data.nesting] = data.name;
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const failed = type === 'test:fail';
    if (failed && !data.todo) red = 1;
    const error = data.details && data.details.error;
    const kind = error && error.failureType;
    const isSuite = data.details && data.details.type === 'suite';
    // A suite fails with its tests; only what it fails of itself is told.
    if (isSuite && (!failed || kind === 'subtestsFailed')) continue;
    const file = relative(data.file);
    const titles = [...above.slice(0, data.nesting), data.name].filter((title) => title !== undefined);
    const load = relative(data.name) === file && data.nesting === 0;
    const cause = error && (error.cause || error);
    const message = failed ? String((cause && (cause.stack || cause.message)) || cause || '') : '';
    const outcome = data.skip !== undefined || data.todo !== undefined ? 'skipped' : failed ? 'failed' : 'passed';
    if (load && !failed) continue; // older versions tell of each file as of a test
    yield JSON.stringify({
      id: load || data.name === data.file ? relative(data.name) : `${file}::${titles.join(' > ')}`,
      when: load ? 'collect' : kind === 'hookFailed' || isSuite ? 'setup' : 'call',
      outcome,
      message: message.slice(0, MESSAGE),
      seconds: ((data.details && data.details.duration_ms) || 0) / 1000,
    }) + '\n';
  }
  yield JSON.stringify({ end: red }) + '\n';
}
