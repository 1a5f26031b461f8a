for (const table of document.querySelectorAll('#board table')) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
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
  const filter = document.getElementById('filter'), count = document.getElementById('count');
  filter.parentElement.hidden = false;
  filter.addEventListener('input', () => {
    const words = filter.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    const fits = text => words.every(word => text.toLowerCase().includes(word));
    for (const row of rows) row.hidden = !fits(row.cells[1].textContent);
    for (const card of document.querySelectorAll('.card[id]'))
      card.hidden = !fits(card.querySelector('h3').textContent);
    const seen = rows.filter(row => !row.hidden).length;
    count.textContent = words.length ? `${seen} of ${rows.length}` : '';
  });
}
const copy = document.getElementById('copy');
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(copy.parentElement.querySelector('code').textContent);
    copy.textContent = 'Copied';
  });
}
