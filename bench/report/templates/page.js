'use strict';
const rows = [...document.querySelectorAll('#board tbody tr')];

// The leaderboard: a click on a heading sorts by it, a second one turns the order round.
for (const table of document.querySelectorAll('#board table')) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  for (const head of heads) head.querySelector('button').addEventListener('click', () => {
    const now = head.getAttribute('aria-sort'), first = head.dataset.first;
    const next = !now ? first : now === 'ascending' ? 'descending' : 'ascending';
    for (const other of heads) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', next);
    const at = heads.indexOf(head), sign = next === 'ascending' ? 1 : -1;
    const value = row => row.cells[at].dataset.value;
    const compare = head.dataset.kind === 'number' ? (a, b) => a - b : (a, b) => a.localeCompare(b);
    const known = rows.filter(row => value(row) !== '');
    known.sort((a, b) => sign * compare(value(a), value(b)));
    body.append(...known, ...rows.filter(row => value(row) === ''));
  });
}

// Filters hold for the leaderboard, the plots and the cards alike.
const form = document.querySelector('form.filter');
if (form) {
  const search = document.getElementById('filter'), count = document.getElementById('count');
  const selects = [...form.querySelectorAll('select')];
  const apply = () => {
    const words = search.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    const named = text => words.every(word => text.toLowerCase().includes(word));
    const chosen = item => selects.every(
      select => !select.value || item.dataset[select.dataset.filter] === select.value);
    for (const row of rows) row.hidden = !chosen(row) || !named(row.cells[1].textContent);
    for (const card of document.querySelectorAll('.card[data-name]'))
      card.hidden = !chosen(card) || !named(card.querySelector('h3').textContent);
    for (const figure of document.querySelectorAll('.trade-off figure'))
      figure.hidden = !chosen(figure);
    const seen = rows.filter(row => !row.hidden).length;
    count.textContent = seen < rows.length ? `${seen} of ${rows.length}` : '';
  };
  form.hidden = false;
  form.addEventListener('input', apply);
  form.addEventListener('submit', event => event.preventDefault());
}

// One cost at a time.
const choice = document.querySelector('.choice');
if (choice) {
  const buttons = [...choice.children];
  const show = chosen => {
    for (const button of buttons) button.setAttribute('aria-pressed', button === chosen);
    for (const body of document.querySelectorAll('.trade-off'))
      body.hidden = body.dataset.cost !== chosen.dataset.cost;
  };
  for (const button of buttons) button.addEventListener('click', () => show(button));
  choice.hidden = false;
  show(buttons[0]);
}

// The numbers of a point, beside it; on a touch screen the first tap shows them.
const tip = document.getElementById('tip');
let shown = null, touched = false;
const hide = () => { tip.hidden = true; shown = null; };
for (const point of document.querySelectorAll('.point')) {
  const show = () => {
    tip.textContent = point.dataset.tip;
    tip.hidden = false;
    shown = point;
    const place = point.getBoundingClientRect(), wide = document.documentElement.clientWidth;
    const left = place.left + place.width / 2 - tip.offsetWidth / 2;
    tip.style.left = `${Math.max(8, Math.min(left, wide - tip.offsetWidth - 8))}px`;
    const above = place.top - tip.offsetHeight - 6;
    tip.style.top = `${above > 8 ? above : place.bottom + 6}px`;
  };
  point.addEventListener('pointerenter', event => { if (event.pointerType === 'mouse') show(); });
  point.addEventListener('pointerleave', event => { if (event.pointerType === 'mouse') hide(); });
  point.addEventListener('pointerdown', event => {
    touched = event.pointerType !== 'mouse' && shown !== point;
  });
  point.addEventListener('focus', show);
  point.addEventListener('blur', hide);
  point.addEventListener('click', event => {
    if (touched) { event.preventDefault(); show(); } else hide();
    touched = false;
  });
}
addEventListener('scroll', hide, { passive: true });
addEventListener('keydown', event => { if (event.key === 'Escape') hide(); });
addEventListener('beforeprint', () => {
  for (const fold of document.querySelectorAll('details')) fold.open = true;
});

const copy = document.getElementById('copy');
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(copy.parentElement.querySelector('code').textContent);
    copy.textContent = 'Copied';
  });
}
