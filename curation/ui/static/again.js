// What a command did meanwhile shows in the open page: the studio is asked to tell all of it anew.
const LOOK_MS = 5000;
let seen = '';
let busy = false;

async function look() {
  if (document.hidden || busy) return;
  busy = true;
  try {
    const answer = await fetch('api/revision');
    if (answer.ok) {
      const { revision } = await answer.json();
      const again = document.querySelector('#look-again');
      if (seen && seen !== revision) again?.click();
      if (again) seen = revision;
    }
  } catch { /* the server is away: ask again later */ }
  busy = false;
}

setInterval(look, LOOK_MS);
document.addEventListener('visibilitychange', look);
look();
