// The page: shows what the connection tells, and turns clicks into its calls.

import { NotifyConnection } from './notify.js';
import { eventBody, jsonProblem, publish } from './publish.js';
import { EventList } from './events.js';
import { watchStats } from './stats.js';

const FIRST_CHANNEL = 'notifications';
const STORED = 'orleansnotify.channels';
const STORED_ACCESS = 'orleansnotify.access';

const $ = (id) => document.getElementById(id);
const connection = new NotifyConnection(socketUrl());
const events = new EventList($('events'), { empty: $('events-empty'), received: $('received') });

function socketUrl() {
  const url = new URL('ws', document.baseURI);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

// ---- connection -------------------------------------------------------------------------------------------------

let retryAt = 0;
let countdown = 0;
const complete = []; // channels that came back without a loss and are not told yet
let completeSoon = 0;

connection.addEventListener('state', ({ detail }) => {
  const { state, code, reason } = detail;
  if (state === 'waiting' && $('state').dataset.state === 'open')
    events.notice('cut', `Connection lost${reason ? `: ${reason}` : ''} (code ${code}). Reconnecting.`);
  clearInterval(countdown);
  $('state').dataset.state = state;
  $('state').toggleAttribute('data-final', state === 'closed' && code !== 1000);
  $('reconnect').hidden = state !== 'waiting' && state !== 'closed';
  if (state === 'open') $('state-text').textContent = 'Connected';
  if (state === 'connecting') $('state-text').textContent = 'Connecting…';
  if (state === 'closed') {
    $('state-text').textContent = `Ended by the server: ${reason || 'no reason given'} (${code})`;
    events.notice('error', `The server ended the connection and asks not to reconnect: ${reason || 'no reason given'} (code ${code}).`);
  }
  if (state === 'waiting') {
    retryAt = performance.now() + detail.delay;
    showWait();
    countdown = setInterval(showWait, 250);
  }
  showChannels();
});

function showWait() {
  const seconds = Math.ceil((retryAt - performance.now()) / 1000);
  $('state-text').textContent = seconds > 1 ? `Reconnecting in ${seconds} s` : 'Reconnecting…';
}

$('reconnect').addEventListener('click', () => connection.connect());
window.addEventListener('online', () => connection.state === 'waiting' && connection.connect());

connection.addEventListener('event', ({ detail }) => {
  events.event(detail);
  showChannelsSoon();
});
connection.addEventListener('recovered', ({ detail: { channel, count } }) => {
  if (count > 0) return events.notice('recovered', `recovered ${count} missed ${plural(count, 'event')}`, channel);
  complete.push(channel);
  clearTimeout(completeSoon); // one line for all channels without a loss
  completeSoon = setTimeout(() => events.notice('recovered', `Reconnected. Nothing was missed on ${complete.splice(0).join(', ')}.`), 200);
});
connection.addEventListener('lost', ({ detail: { channel, newEpoch, count } }) =>
  events.notice('lost', newEpoch
    ? 'could not recover: new epoch, what was missed is lost'
    : `could not recover: history is too short${count ? `, ${count} ${plural(count, 'event')} missed` : ''}`, channel));
connection.addEventListener('gap', ({ detail: { channel, count } }) =>
  events.notice('gap', `gap: ${count} ${plural(count, 'event')} will not arrive`, channel));
connection.addEventListener('refused', ({ detail: { channel, code, message } }) => {
  events.notice('refused', `not subscribed: ${message} (code ${code})`, channel);
  storeChannels();
});
connection.addEventListener('error', ({ detail: { code, message } }) => events.notice('error', `${message} (code ${code})`));

function plural(count, word) {
  return count === 1 ? word : `${word}s`;
}

// ---- access -----------------------------------------------------------------------------------------------------

let access = storedAccess(); // {token, key}: in this tab's memory and session storage, and nowhere else
let identity = null; // {user, expires} once the server has taken the token

connection.addEventListener('identity', ({ detail }) => {
  identity = detail;
  $('access-problem').textContent = '';
  $('state-text').textContent = `Connected as ${detail.user}`;
  $('state').removeAttribute('data-refused');
  showAccess();
});
connection.addEventListener('unauthorized', ({ detail: { code, message } }) => {
  $('access-problem').textContent = access.token === '' ? 'This server asks who you are: enter a connection token.' : `The token was refused: ${message} (code ${code})`;
  $('access').open = true;
  if (code === 108) return; // nobody is asked here
  $('state-text').textContent = 'Connected, but not let in';
  $('state').toggleAttribute('data-refused', true);
});
connection.addEventListener('state', ({ detail: { state } }) => {
  if (state === 'open') return;
  identity = null;
  $('state').removeAttribute('data-refused');
  showAccess();
});

function showAccess() {
  const until = identity ? new Date(identity.expires * 1000) : null;
  const day = until?.toDateString() === new Date().toDateString() ? '' : `${until?.toLocaleDateString()} `;
  const token = identity ? `${identity.user} until ${day}${until.toLocaleTimeString()}` : access.token === '' ? 'no token' : 'token not taken yet';
  $('access-state').textContent = `${token}, ${access.key === '' ? 'no API key' : 'API key given'}`;
}

function use(given) {
  const isNewToken = given.token !== access.token || identity === null;
  access = given;
  try {
    sessionStorage.setItem(STORED_ACCESS, JSON.stringify(access));
  } catch {
    // Storage is off: good until the page is left.
  }
  $('access-problem').textContent = '';
  if (isNewToken) connection.authenticate(access.token);
  showAccess();
  statsSoon();
}

$('access-form').addEventListener('submit', (submit) => {
  submit.preventDefault();
  use({ token: $('access-token').value.trim(), key: $('access-key').value.trim() });
});
$('access-forget').addEventListener('click', () => {
  $('access-form').reset();
  use({ token: '', key: '' });
});

function storedAccess() {
  try {
    const { token, key } = JSON.parse(sessionStorage.getItem(STORED_ACCESS));
    if (typeof token === 'string' && typeof key === 'string') return { token, key };
  } catch {
    // As on a first visit.
  }
  return { token: '', key: '' };
}

// ---- channels ---------------------------------------------------------------------------------------------------

for (const type of ['subscribed', 'unsubscribed', 'refused'])
  connection.addEventListener(type, () => {
    showChannels();
    statsSoon();
  });

let shownSoon = false;

function showChannelsSoon() {
  if (shownSoon) return;
  shownSoon = true;
  requestAnimationFrame(showChannels);
}

function showChannels() {
  shownSoon = false;
  const list = $('channels');
  const wanted = connection.channels;
  const rows = new Map([...list.children].map((row) => [row.dataset.channel, row]));
  for (const [channel, row] of rows) if (!wanted.includes(channel)) row.remove();
  for (const channel of wanted) {
    const row = rows.get(channel) ?? list.appendChild(channelRow(channel));
    const { live, offset } = connection.standing(channel);
    row.dataset.live = live;
    row.querySelector('.where').textContent = live ? (offset === null ? 'whatever matches' : `at offset ${offset}`) : connection.state === 'open' ? 'subscribing…' : 'waiting';
  }
  if (list.childElementCount !== $('publish-known').childElementCount || rows.size !== wanted.length)
    $('publish-known').replaceChildren(...wanted.map((channel) => new Option(channel, channel)));
  $('channels-empty').hidden = wanted.length > 0;
}

function channelRow(channel) {
  const row = document.createElement('li');
  row.dataset.channel = channel;
  row.style.setProperty('--hue', EventList.hue(channel));
  const remove = Object.assign(document.createElement('button'), { type: 'button', className: 'quiet', textContent: '×', title: 'Unsubscribe' });
  remove.setAttribute('aria-label', `Unsubscribe from ${channel}`);
  remove.addEventListener('click', () => {
    connection.unsubscribe(channel);
    storeChannels();
    $('channel-name').focus();
  });
  row.append(span('dot', ''), span('name', channel), span('where', ''), remove);
  return row;
}

function span(className, textContent) {
  return Object.assign(document.createElement('span'), { className, textContent });
}

$('channel-form').addEventListener('submit', (submit) => {
  submit.preventDefault();
  const channel = $('channel-name').value.trim();
  if (channel === '') return;
  connection.subscribe(channel);
  $('channel-name').value = '';
  storeChannels();
  showChannels();
});

function storeChannels() {
  try {
    localStorage.setItem(STORED, JSON.stringify(connection.channels));
  } catch {
    // Storage is off or full: the next visit starts with the first channel.
  }
}

function storedChannels() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED));
    if (Array.isArray(stored) && stored.every((channel) => typeof channel === 'string')) return stored;
  } catch {
    // As on a first visit.
  }
  return [FIRST_CHANNEL];
}

// ---- publishing -------------------------------------------------------------------------------------------------

const IDLE = $('publish-result').textContent;

function showProblem(field, text) {
  for (const one of [$('publish-data'), $('publish-target')]) one.setAttribute('aria-invalid', one === field);
  $('publish-problem').textContent = text;
}

$('publish-type').addEventListener('change', () => {
  const type = $('publish-type').value;
  $('publish-target-field').hidden = type === 'broadcast' || type === 'system';
  $('publish-target-label').textContent = type === 'user' ? 'User' : 'Channel';
  $('publish-target').value = type === 'user' ? '42' : type === 'custom' ? FIRST_CHANNEL : '';
  showProblem(null, '');
});

$('publish-data').addEventListener('input', () => {
  const problem = jsonProblem($('publish-data').value);
  if (problem === null) showProblem(null, '');
  else if ($('publish-problem').textContent !== '') showProblem($('publish-data'), problem);
  $('publish-result').className = 'hint';
  $('publish-result').textContent = IDLE;
});
$('publish-data').addEventListener('blur', () => {
  const problem = jsonProblem($('publish-data').value);
  if (problem !== null) showProblem($('publish-data'), problem);
});
$('publish-form').addEventListener('keydown', (key) => {
  if (key.key === 'Enter' && (key.ctrlKey || key.metaKey)) {
    key.preventDefault();
    $('publish-form').requestSubmit();
  }
});

$('publish-form').addEventListener('submit', async (submit) => {
  submit.preventDefault();
  if ($('publish-button').disabled) return;
  const type = $('publish-type').value;
  const target = $('publish-target').value.trim();
  const data = $('publish-data').value;
  const problem = jsonProblem(data);
  if (problem !== null) return refuse($('publish-data'), problem);
  if (target === '' && (type === 'custom' || type === 'user')) return refuse($('publish-target'), `Name the ${type === 'user' ? 'user' : 'channel'} to publish to.`);
  showProblem(null, '');
  $('publish-button').disabled = true;
  try {
    const { channel, offset } = await publish(new URL('api/events', document.baseURI), eventBody({ type, target, data }), { apiKey: access.key });
    $('publish-result').className = 'hint done';
    $('publish-result').textContent = `Published: ${channel}, offset ${offset}`;
  } catch (error) {
    showProblem(null, error.message);
  } finally {
    $('publish-button').disabled = false;
  }
});

function refuse(field, problem) {
  showProblem(field, problem);
  field.focus();
}

// ---- start ------------------------------------------------------------------------------------------------------

$('clear').addEventListener('click', () => events.clear());
for (const channel of storedChannels()) connection.subscribe(channel);
const statsSoon = watchStats(new URL('api/stats', document.baseURI), () => access.key);
$('access-token').value = access.token;
$('access-key').value = access.key;
showChannels();
connection.authenticate(access.token);
