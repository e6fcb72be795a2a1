// Links of the form ?tab=NAME open that tab in place; without this they load the page at it.
const NAMES = {
  ingest: '1 Ingest', extract: '2 Extract', sort: '3 Sort', rank: '4 Score & rank',
  results: '5 Results', review: '6 Review',
};

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href^="?tab="]');
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey) return;
  const name = NAMES[new URLSearchParams(link.getAttribute('href')).get('tab')];
  const tabs = [...document.querySelectorAll('#tabs button[role="tab"]')];
  const button = tabs.find((tab) => name && tab.textContent.trim() === name);
  if (!button) return;
  event.preventDefault();
  button.click();
});
