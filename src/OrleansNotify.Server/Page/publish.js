// Publishing over HTTP: one idempotency key for all tries, so that a repeat after a lost answer is never delivered twice.

import { backoff } from './notify.js';

/** The body of POST /api/events. `data` is JSON text and goes out byte for byte. */
export function eventBody({ type, target, data }) {
  const field = type === 'user' ? 'user' : 'channel';
  const named = type === 'custom' || type === 'user' ? `"${field}":${JSON.stringify(target)},` : '';
  const typed = type === 'custom' ? '' : `"type":${JSON.stringify(type)},`;
  return `{${typed}${named}"data":${data}}`;
}

/** Where a JSON text is wrong, as a sentence for a person; null when it is right. */
export function jsonProblem(text) {
  if (text.trim() === '') return 'Write a JSON value, for example {"message":"Hello"}.';
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    // Browsers quote the text itself, which is on the screen already.
    const reason = error.message.replace(/^JSON\.parse: /, '').replace(/, ?(?:"|\.\.\.").* is not valid JSON$/s, '').replace(/\.$/, '');
    return `This is not JSON yet: ${reason}.`;
  }
}

/**
 * Publishes and answers `{id, channel, epoch, offset}`. Throws an Error whose message a person can read. A lost connection or a 503 is tried
 * again up to twice, with the same key.
 */
export async function publish(url, body, { fetch = globalThis.fetch, wait = delay, random = Math.random, tries = 3, apiKey = '' } = {}) {
  const key = newKey();
  for (let attempt = 0; ; attempt++) {
    let problem;
    let pause = backoff(attempt, undefined, random);
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key, ...keyHeader(apiKey) },
        body,
        signal: AbortSignal.timeout(10_000),
      });
      if (response.ok) return await response.json();
      problem = await describe(response);
      if (response.status !== 503) throw Object.assign(new Error(problem), { final: true });
      pause = Math.max(pause, Math.min(5, Number(response.headers.get('Retry-After')) || 0) * 1000);
    } catch (error) {
      if (error.final) throw error;
      problem = 'The server cannot be reached.';
    }
    if (attempt + 1 >= tries) throw new Error(problem);
    await wait(pause);
  }
}

/** How a request shows an API key; '' shows none. */
export function keyHeader(apiKey) {
  return apiKey === '' ? {} : { 'X-API-Key': apiKey };
}

async function describe(response) {
  try {
    const { title, detail } = await response.json(); // RFC 9457
    return detail ?? title ?? `The server answered ${response.status}.`;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

function delay(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** crypto.randomUUID exists on secure pages only; this one also on plain HTTP. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
