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

// A column that none of the shown rows has a value in is left out.
function hideEmptyColumns(seen) {
  for (const table of document.querySelectorAll('#board table')) {
    const head = table.tHead.rows[0];
    for (let at = 0; at < head.cells.length; at++) {
      const isEmpty = seen.every(row => row.cells[at].dataset.value === '');
      for (const row of [head, ...rows]) row.cells[at].hidden = isEmpty;
    }
  }
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
    const seen = rows.filter(row => !row.hidden);
    count.textContent = seen.length < rows.length ? `${seen.length} of ${rows.length}` : '';
    hideEmptyColumns(seen.length ? seen : rows);
  };
  form.hidden = false;
  form.addEventListener('input', apply);
  form.addEventListener('submit', event => event.preventDefault());
}
