// Links of the form ?tab=NAME open that tab in place; without this they load the page at it.
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href^="?tab="]');
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey) return;
  const name = new URLSearchParams(link.getAttribute('href')).get('tab');
  const tabs = [...document.querySelectorAll('#tabs button[role="tab"]')];
  const button = tabs.find((tab) => tab.dataset.tabId === name);
  if (!button) return;
  event.preventDefault();
  button.click();
});
