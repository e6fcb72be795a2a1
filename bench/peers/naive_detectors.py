"""What detectors alone cost when each frame meets all of them: an argument names its folder.

The loop that people write today: read a picture, OpenCV's face detector at 640 px, MediaPipe's
object detector and its pose landmarker on the whole picture, one thread. Prints pictures and the
processor time of the loop; imports and reading models are left out.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from curation import weights
from curation.engine.machine import keep_memory, single_threaded

FACES_PX = 640
PEOPLE = 4


def main() -> int:
    """Look at all JPEG files below a folder."""
    single_threaded()
    keep_memory()  # as ours: page faults are no part of the comparison
    import cv2

    from curation.steps.mptasks import Task

    cv2.setNumThreads(1)
    faces = cv2.FaceDetectorYN.create(str(weights.path_of("yunet")), "", (FACES_PX, FACES_PX))
    people = Task("object_detector", "ObjectDetector", category_allowlist=["person"])
    poses = Task("pose_landmarker", "PoseLandmarker", num_poses=PEOPLE)
    files = sorted(Path(sys.argv[1]).rglob("*.jpg"))
    begun = 0.0
    for n, file in enumerate((files[0], *files)):
        bgr = cv2.imread(str(file))
        scale = FACES_PX / max(bgr.shape[:2])
        small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        faces.setInputSize((small.shape[1], small.shape[0]))
        faces.detect(small)
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        people.detect(rgb)
        poses.detect(rgb)
        if not n:
            begun = time.process_time()  # the first look sets things up
    print(json.dumps({"cpu_s": time.process_time() - begun, "pictures": len(files)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
