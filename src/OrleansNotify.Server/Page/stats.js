// The cluster's numbers, asked for every few seconds while somebody looks.

import { keyHeader } from './publish.js';

const EVERY = 2_000;
const SETTLED = 400; // by then the whole cluster counts a change

const UNREADABLE = 'Statistics cannot be read at the moment.';
const DENIED = {
  401: 'Statistics need an API key with the scope read: enter one under Access.',
  403: 'This API key may not read statistics: it needs the scope read, for all channels.',
};

const $ = (id) => document.getElementById(id);
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

/** Keeps the statistics up to date, showing the API key that `apiKey` returns; returns a function that asks out of turn. One request at a time; a hidden page asks nothing. */
export function watchStats(url, apiKey) {
  let last = null; // the reply before, for rates
  let timer = 0;
  let asking = false;

  async function ask() {
    if (asking) return;
    asking = true;
    clearTimeout(timer);
    let problem = '';
    try {
      const response = await fetch(url, { headers: keyHeader(apiKey()), signal: AbortSignal.timeout(5_000), cache: 'no-store' });
      if (response.ok) {
        const stats = { ...(await response.json()), at: performance.now() };
        show(stats, last);
        last = stats;
      } else {
        problem = DENIED[response.status] ?? UNREADABLE;
      }
    } catch {
      problem = UNREADABLE;
    }
    if (problem !== '') {
      last = null;
      note(problem);
    }
    asking = false;
    if (!document.hidden) timer = setTimeout(ask, EVERY);
  }

  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (!document.hidden) ask();
  });
  ask();
  return () => {
    clearTimeout(timer);
    timer = setTimeout(ask, SETTLED);
  };
}

function show(stats, last) {
  $('stat-connections').textContent = number(stats.active_connections);
  $('stat-channels').textContent = number(Object.keys(stats.channels ?? {}).length);
  $('stat-silos').textContent = number(Array.isArray(stats.silos) ? stats.silos.length : stats.silos);
  $('stat-uptime').textContent = duration(stats.uptime_seconds);
  for (const name of ['published', 'delivered']) {
    $(`stat-${name}`).textContent = number(stats[name]);
    $(`stat-${name}-rate`).textContent = rate(name, stats, last);
  }
  note(stats.partial ? 'Not every silo has reported yet: the numbers are partial.' : '');
}

function note(text) {
  $('stats-note').textContent = text;
  $('stats-note').hidden = text === '';
  $('stats').toggleAttribute('data-stale', text !== '');
}

function number(value) {
  return typeof value !== 'number' ? '–' : value < 10_000 ? value.toLocaleString() : compact.format(value);
}

function rate(name, stats, last) {
  const gained = last ? stats[name] - last[name] : 0; // less than nothing after a restart
  return gained > 0 ? `${compact.format((gained * 1000) / (stats.at - last.at))}/s` : '';
}

function duration(seconds) {
  if (typeof seconds !== 'number') return '–';
  const units = [[86_400, 'd'], [3_600, 'h'], [60, 'min'], [1, 's']];
  const [size, unit] = units.find(([size]) => seconds >= size) ?? [1, 's'];
  return `${Math.floor(seconds / size)} ${unit}`;
}
