// Bundles the Expo app with Metro, as a build for Android does before it needs the Android SDK.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { root } from '../workspace.ts';

const folder = join(root, 'examples/expo');
const output = mkdtempSync(join(tmpdir(), 'valetkey-expo-'));
after(() => rmSync(output, { recursive: true }));

test('Metro bundles the app with the login, the secure store and the React hooks of the client SDK', () => {
  const expo = join(folder, 'node_modules/expo/bin/cli');
  const options = ['--platform', 'android', '--no-bytecode', '--no-minify', '--output-dir', output];
  const env = { ...process.env, CI: '1', EXPO_OFFLINE: '1', EXPO_NO_TELEMETRY: '1' };
  execFileSync(process.execPath, [expo, 'export', ...options], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });

  const [bundle = assert.fail('There is no bundle.')] = globSync('_expo/static/js/android/*.js', { cwd: output });
  const script = readFileSync(join(output, bundle), 'utf8');
  for (const name of ['createLogin', 'secureStoreStorage', 'useVendorToken', 'com.example.valetkey://callback']) {
    assert.ok(script.includes(name), name);
  }
});
