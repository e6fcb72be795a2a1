"""The page that asks for the password. It runs no script and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import html

STYLE = """
:root { color-scheme: dark light; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #101316;
  color: #e6e8ea; font: 16px/1.5 system-ui, sans-serif; }
form { width: min(22rem, 90vw); display: grid; gap: .75rem; }
h1 { font-size: 1.25rem; margin: 0 0 .5rem; }
label { display: grid; gap: .25rem; }
input, button { font: inherit; padding: .55rem .7rem; border-radius: 6px; }
input { border: 1px solid #4a525a; background: #191d21; color: inherit; }
button { border: 0; background: #3b82f6; color: #fff; cursor: pointer; }
:focus-visible { outline: 3px solid #93c5fd; outline-offset: 2px; }
.said { background: #4c1d1d; padding: .55rem .7rem; border-radius: 6px; margin: 0; }
.dim { color: #a3abb3; margin: 0; font-size: .875rem; }
"""
LOGIN_CSP = (
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src "
    f"'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)


def page(onward: str, said: str = "") -> str:
    """Return the page.

    Args:
        onward: where to go after it; see `onward_of`.
        said: what went wrong.
    """
    told = f"<p class='said' role='alert'>{html.escape(said)}</p>" if said else ""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Frame Curation Studio</title><style>{STYLE}</style></head><body><main>"
        "<form method='post' action='/login'><h1>Frame Curation Studio</h1>"
        f"{told}<input type='hidden' name='next' value='{html.escape(onward)}'>"
        "<label>Your name<input name='name' autocomplete='username' maxlength='60'></label>"
        "<label>Password or token<input name='password' type='password' required autofocus"
        " autocomplete='current-password'></label><button>Open the studio</button>"
        "<p class='dim'>Your name stands beside what you change.</p></form></main></body></html>"
    )


def onward_of(asked: str) -> str:
    """Return a place of this server to go on to; "/" for everything that could lead elsewhere."""
    inside = asked.startswith("/") and not asked.startswith(("//", "/\\", "/login", "/logout"))
    plain = all(33 <= ord(c) < 127 and c != "\\" for c in asked)
    return asked if inside and plain and len(asked) <= 2000 else "/"
