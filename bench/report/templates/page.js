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
