// What scrolls is reached by keyboard, and what does not is no stop on the way.
const reach = () => {
  for (const box of document.querySelectorAll('.highlight pre, .table-wrapper, .strip'))
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
    else box.removeAttribute('tabindex');
};
addEventListener('load', reach);
addEventListener('resize', reach);
