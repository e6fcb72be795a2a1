// Before anything is painted: a light page must not flash dark. Not a module, those come late.
const asked = new URLSearchParams(location.search).get('__theme');
const prefers = matchMedia('(prefers-color-scheme: light)').matches;
const light = asked === 'light' || (asked !== 'dark' && prefers);
document.documentElement.classList.toggle('dark', !light);
