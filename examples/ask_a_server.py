"""Ask a running studio from another program: search, mark, rank again, follow the job.

    python app.py &
    python examples/ask_a_server.py http://127.0.0.1:7860 --where "pool = 'face'"

With CURATION_TOKEN set on the server, set it here as well.
"""

from __future__ import annotations

import argparse
import os

from gradio_client import Client


def main() -> None:
    """Find frames, give them stars, take the stars back, rank."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:7860")
    parser.add_argument("--where", default="pool = 'face'")
    options = parser.parse_args()
    token = os.environ.get("CURATION_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else None
    client = Client(
        options.url, headers=headers, verbose=False, analytics_enabled=False,
        httpx_kwargs={"timeout": 600},  # seconds; it is five else, and a server may be busy
    )  # fmt: skip

    found = client.predict(where=options.where, order="score", count=3, api_name="/search")
    print(found["found"], "frames fit; the best:")
    for frame in found["frames"]:
        print(" ", frame["frame_id"], frame["video"], f"{frame['time_s']:.2f} s", frame["pool"])

    numbers = [frame["frame_id"] for frame in found["frames"]]
    if numbers:
        client.predict(numbers, "stars", 5, "example", api_name="/mark")
        print(client.predict("example", api_name="/undo_mark")["did"], "taken back")

    for beat in client.submit(api_name="/rank"):  # beats come until the job ends
        print(beat["state"], beat["note"] or "")
    print("picked:", beat["summary"]["picked"])


if __name__ == "__main__":
    main()
